// Host kernels of fractional pooling: windows whose sizes vary by one, drawn as TensorFlow draws them.
// Tests: tests/cases/pooling_cases.py.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/philox.h"

namespace moulin {
namespace {

StatusOr<std::vector<float>> Ratios(const HostOpAttrs& attrs) {
  std::vector<float> ratios;
  for (const auto& [name, value] : attrs.floats) {
    if (name == "pooling_ratio") ratios.push_back(static_cast<float>(value));
  }
  if (ratios.size() != 4) {
    return MakeError(ErrorCode::kAttribute, "pooling_ratio must have 4 elements, found ", ratios.size());
  }
  for (int i = 0; i < 4; ++i) {
    if (i % 3 == 0 ? ratios[i] == 1 : ratios[i] >= 1) continue;
    return MakeError(ErrorCode::kAttribute,
                     "pooling_ratio must be 1 for batch and channels and at least 1 else, found ", ratios[i],
                     " for axis ", i);
  }
  return ratios;
}

// -> pooled, where the windows of rows begin, where those of columns begin
Status InferFractional(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<float> ratios, Ratios(c.attr<HostOpAttrs>()));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the operand"));
  PartialShape shape = PartialShape::OfRank(4);
  for (int d = 0; d < 4 && c.shape(0).has_rank(); ++d) {
    const int64_t size = c.shape(0).dim(d);
    if (size < 0) continue;
    shape.set_dim(d, static_cast<int64_t>(std::floor(static_cast<float>(size) / ratios[d])));
    if (d % 3 == 0 || shape.dim(d) > 0) continue;
    return MakeError(ErrorCode::kShape, "axis ", d, " of size ", size, " is too small for the ratio ", ratios[d]);
  }
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), shape));
  for (const int d : {1, 2}) c.Add(DType::kInt64, PartialShape{shape.dim(d) < 0 ? kUnknownDim : shape.dim(d) + 1});
  return absl::OkStatus();
}

// The sizes of the windows: evenly spread from a random start.
Ints SpreadSizes(int64_t input, int64_t output, Philox* generator) {
  const double ratio = static_cast<double>(input) / static_cast<double>(output);
  const int64_t size = input / output;
  // The largest start at which the first and the last window get no more and no less than their share.
  const double most = std::min(static_cast<double>(size + 2) / ratio - 1,
                               static_cast<double>(input + 1 - size) / ratio - static_cast<double>(output - 1));
  const Words words = generator->Next();
  const double start = UnitDouble(words[0], words[1]) * most;
  Ints ends(output + 1);
  ends[0] = 1;
  for (int64_t i = 1; i < output; ++i)
    ends[i] = static_cast<int64_t>(std::ceil(ratio * (static_cast<double>(i) + start)));
  ends[output] = input + 1;
  Ints sizes(output);
  for (int64_t i = 0; i < output; ++i) sizes[i] = ends[i + 1] - ends[i];
  return sizes;
}

// The sizes in any order.
Ints ShuffledSizes(int64_t input, int64_t output, Philox* generator) {
  Ints sizes(output, input / output);
  for (int64_t i = 0; i < input % output; ++i) ++sizes[i];
  Philox local = *generator;
  generator->Skip((output + 3) / 4);
  Words words{};
  for (int64_t i = 0; i + 1 < output; ++i) {
    if (i % 4 == 0) words = local.Next();
    std::swap(sizes[i], sizes[i + words[i % 4] % static_cast<uint32_t>(output - i)]);
  }
  return sizes;
}

Ints Starts(const Ints& sizes) {
  Ints starts(sizes.size() + 1, 0);
  std::partial_sum(sizes.begin(), sizes.end(), starts.begin() + 1);
  return starts;
}

struct Windows {
  Ints rows, cols;
  bool overlapping;
  int64_t End(const Ints& starts, int64_t i) const {
    return std::min(starts[i + 1] + (overlapping ? 1 : 0), starts.back());
  }
};

template <typename T>
void Pool(const Tensor& x, const Windows& w, bool is_max, Tensor& y) {
  const int64_t height = x.shape().dim(1), width = x.shape().dim(2), channels = x.shape().dim(3);
  const T* in = static_cast<const T*>(x.data());
  T* out = static_cast<T*>(y.mutable_data());
  std::vector<Wide<T>> sums(channels);
  for (int64_t n = 0; n < x.shape().dim(0); ++n) {
    for (int64_t r = 0; r < y.shape().dim(1); ++r) {
      for (int64_t k = 0; k < y.shape().dim(2); ++k) {
        std::fill(sums.begin(), sums.end(), is_max ? static_cast<Wide<T>>(Lowest<T>()) : Wide<T>(0));
        const int64_t row_end = w.End(w.rows, r), col_end = w.End(w.cols, k);
        for (int64_t i = w.rows[r]; i < row_end; ++i) {
          for (int64_t j = w.cols[k]; j < col_end; ++j) {
            const T* from = in + ((n * height + i) * width + j) * channels;
            for (int64_t ch = 0; ch < channels; ++ch) {
              sums[ch] = is_max ? std::max(sums[ch], Wide<T>(from[ch])) : sums[ch] + Wide<T>(from[ch]);
            }
          }
        }
        const auto count = static_cast<Wide<T>>((row_end - w.rows[r]) * (col_end - w.cols[k]));
        for (int64_t ch = 0; ch < channels; ++ch) *out++ = static_cast<T>(is_max ? sums[ch] : sums[ch] / count);
      }
    }
  }
}

Status FractionalPool(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferFractional));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const Tensor& x = c.input(0);
  const bool spread = IntAttr(attrs, "pseudo_random", 0) != 0;
  Philox generator = FromAttrs(attrs);
  Windows windows;
  windows.overlapping = IntAttr(attrs, "overlapping", 0) != 0;
  for (const int d : {1, 2}) {
    const int64_t input = x.shape().dim(d), output = c.output(0).shape().dim(d);
    const Ints sizes = spread ? SpreadSizes(input, output, &generator) : ShuffledSizes(input, output, &generator);
    (d == 1 ? windows.rows : windows.cols) = Starts(sizes);
  }
  std::copy(windows.rows.begin(), windows.rows.end(), c.output(1).mutable_values<int64_t>().begin());
  std::copy(windows.cols.begin(), windows.cols.end(), c.output(2).mutable_values<int64_t>().begin());
  const bool is_max = attrs.op == "FractionalMaxPool";
  switch (x.dtype()) {
    case DType::kFloat32:
      Pool<float>(x, windows, is_max, c.output(0));
      return absl::OkStatus();
    case DType::kFloat64:
      Pool<double>(x, windows, is_max, c.output(0));
      return absl::OkStatus();
    case DType::kInt32:
      Pool<int32_t>(x, windows, is_max, c.output(0));
      return absl::OkStatus();
    case DType::kInt64:
      Pool<int64_t>(x, windows, is_max, c.output(0));
      return absl::OkStatus();
    default:
      return UnsupportedType(x.dtype());
  }
}

constexpr HostOp kFractionalPoolKernels[] = {
    {"FractionalAvgPool", 1, 1, InferFractional, FractionalPool},
    {"FractionalMaxPool", 1, 1, InferFractional, FractionalPool},
};

}  // namespace

absl::Span<const HostOp> FractionalPoolKernels() { return kFractionalPoolKernels; }

}  // namespace moulin
