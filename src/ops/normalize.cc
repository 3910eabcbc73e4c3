// Normalisations. Tests: tests/ops/normalize_test.cc.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/axes.h"
#include "ops/element.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckFloating(DType type) {
  if (IsFloating(type)) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "a normalisation needs a floating type, got ", ShortName(type));
}

// Each of the inputs [1, num_inputs) must be a vector of `size` elements.
Status CheckChannelVectors(const InferContext& c, int64_t size, DType type) {
  for (int i = 1; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(type, c.dtype(i), "a normalisation's parameter"));
    MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 1, "a normalisation's parameter"));
    if (c.shape(i).has_rank()) {
      MOULIN_RETURN_IF_ERROR(MergeDims(size, c.shape(i).dim(0), "a normalisation's parameter").status());
    }
  }
  return absl::OkStatus();
}

// TensorFlow keeps the parameters of a float16 or bfloat16 normalisation in float.
DType ParameterType(const InferContext& c) {
  const bool small = c.dtype(0) == DType::kFloat16 || c.dtype(0) == DType::kBFloat16;
  return small && c.dtype(1) == DType::kFloat32 ? DType::kFloat32 : c.dtype(0);
}

Status InferBatchNorm(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the operand"));
  const int channel_axis = c.attr<BatchNormAttrs>().channels_last ? x.rank() - 1 : 1;
  const int64_t channels = x.has_rank() ? x.dim(channel_axis) : kUnknownDim;
  MOULIN_RETURN_IF_ERROR(CheckChannelVectors(c, channels, ParameterType(c)));
  return AddOutput(c, c.dtype(0), x);
}

Status InferLayerNorm(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 1, "the operand"));
  MOULIN_RETURN_IF_ERROR(CheckChannelVectors(c, x.has_rank() ? x.dim(x.rank() - 1) : kUnknownDim, ParameterType(c)));
  return AddOutput(c, c.dtype(0), x);
}

Status InferSoftmax(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the operand"));
  return AddOutput(c, c.dtype(0), c.shape(0));
}

Status InferLocalResponseNorm(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the operand"));
  if (c.attr<LocalResponseNormAttrs>().radius < 0) {
    return MakeError(ErrorCode::kAttribute, "the radius is ", c.attr<LocalResponseNormAttrs>().radius,
                     ": expected 0 or more");
  }
  return AddOutput(c, c.dtype(0), c.shape(0));
}

// A parameter vector, of float or of the operand's type, as doubles.
StatusOr<std::vector<double>> Doubles(const Tensor& t) {
  std::vector<double> out(t.num_elements());
  MOULIN_RETURN_IF_ERROR(DispatchFloat(t.dtype(), "a normalisation's parameter", [&](auto tag) {
    using T = decltype(tag);
    const auto values = t.values<T>();
    std::transform(values.begin(), values.end(), out.begin(), Widen<T>);
    return absl::OkStatus();
  }));
  return out;
}

// y = x * factor[channel] + shift[channel].
template <typename T>
Status ScaleChannels(const Tensor& x, const AxisView& view, absl::Span<const double> factor,
                     absl::Span<const double> shift, Tensor* y) {
  const auto* from = static_cast<const T*>(x.data());
  auto* to = static_cast<T*>(y->mutable_data());
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const int64_t channel = i / view.inner % view.size;
    to[i] = Narrow<T>(Widen(from[i]) * factor[channel] + shift[channel]);
  }
  return absl::OkStatus();
}

Status RunBatchNorm(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBatchNorm));
  const auto& attrs = c.attr<BatchNormAttrs>();
  const Tensor& x = c.input(0);
  MOULIN_ASSIGN_OR_RETURN(std::vector<double> factor, Doubles(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(std::vector<double> shift, Doubles(c.input(2)));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<double> mean, Doubles(c.input(3)));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<double> variance, Doubles(c.input(4)));
  for (size_t i = 0; i < factor.size(); ++i) {
    factor[i] /= std::sqrt(variance[i] + attrs.epsilon);
    shift[i] -= mean[i] * factor[i];
  }
  const AxisView view(x.shape(), attrs.channels_last ? x.shape().rank() - 1 : 1);
  return DispatchFloat(x.dtype(), "batch normalisation",
                       [&](auto tag) { return ScaleChannels<decltype(tag)>(x, view, factor, shift, &c.output(0)); });
}

// Calls f(row of doubles, in and out) for each innermost row, and rounds what it leaves there.
template <typename F>
Status MapRows(const KernelContext& c, const F& f) {
  const Tensor& x = c.input(0);
  const int64_t n = x.shape().dim(x.shape().rank() - 1);
  return DispatchFloat(x.dtype(), "a normalisation", [&](auto tag) {
    using T = decltype(tag);
    const auto* from = static_cast<const T*>(x.data());
    auto* to = static_cast<T*>(c.output(0).mutable_data());
    std::vector<double> row(n);
    for (int64_t begin = 0; begin < x.num_elements(); begin += n) {
      std::transform(from + begin, from + begin + n, row.begin(), Widen<T>);
      f(absl::MakeSpan(row));
      std::transform(row.begin(), row.end(), to + begin, Narrow<T>);
    }
    return absl::OkStatus();
  });
}

Status RunLayerNorm(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferLayerNorm));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<double> scale, Doubles(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<double> offset, Doubles(c.input(2)));
  const double epsilon = c.attr<LayerNormAttrs>().epsilon;
  return MapRows(c, [&](absl::Span<double> row) {
    double mean = 0, variance = 0;
    for (double v : row) mean += v / row.size();
    for (double v : row) variance += (v - mean) * (v - mean) / row.size();
    const double factor = 1 / std::sqrt(variance + epsilon);
    for (size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - mean) * factor * scale[i] + offset[i];
  });
}

Status RunSoftmax(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSoftmax));
  const bool log = c.attr<SoftmaxAttrs>().log;
  return MapRows(c, [log](absl::Span<double> row) {
    const double max = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double v : row) sum += std::exp(v - max);
    for (double& v : row) v = log ? v - max - std::log(sum) : std::exp(v - max) / sum;
  });
}

// y[i] = x[i] / (bias + alpha * the sum of x[j]^2 for |j - i| <= radius)^beta along the innermost axis.
Status RunLocalResponseNorm(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferLocalResponseNorm));
  const auto& attrs = c.attr<LocalResponseNormAttrs>();
  std::vector<double> x;
  return MapRows(c, [&](absl::Span<double> row) {
    x.assign(row.begin(), row.end());
    const int64_t n = static_cast<int64_t>(row.size());
    const int64_t radius = std::min(attrs.radius, n);
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t j = std::max<int64_t>(i - radius, 0); j <= std::min(i + radius, n - 1); ++j) sum += x[j] * x[j];
      row[i] = x[i] / std::pow(attrs.bias + attrs.alpha * sum, attrs.beta);
    }
  });
}

constexpr OpDef kNormalizeOps[] = {
    {OpKind::kBatchNorm, 5, 5, InferBatchNorm, RunBatchNorm},
    {OpKind::kLayerNorm, 3, 3, InferLayerNorm, RunLayerNorm},
    {OpKind::kSoftmax, 1, 1, InferSoftmax, RunSoftmax},
    {OpKind::kLocalResponseNorm, 1, 1, InferLocalResponseNorm, RunLocalResponseNorm},
};

}  // namespace

absl::Span<const OpDef> NormalizeOps() { return kNormalizeOps; }

}  // namespace moulin
