// Resizing of quantised images, in fixed-point arithmetic with as many bits behind the point as the type leaves room
// for. Tests: tests/cases/quantized_cases.py.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/resize.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// Two neighbours along an axis, and the weight of the second as a part of 1 and of a power of 2.
struct FixedTaps {
  int64_t lower, upper;
  float weight;
  int64_t fixed;
};

std::vector<FixedTaps> FixedTapsOf(const ResizeGeometry& g, int64_t in, int64_t out, float scale, int bits) {
  std::vector<FixedTaps> taps;
  taps.reserve(out);
  for (int64_t i = 0; i < out; ++i) {
    const float at = g.Source(i, scale);
    const LinearTaps linear(at, in);
    const auto one = static_cast<float>(int64_t{1} << bits);
    taps.push_back({linear.lower, linear.upper, linear.weight, static_cast<int64_t>(linear.weight * one)});
  }
  return taps;
}

// What lies between the four neighbours of one place.
template <typename T, int kBits>
T Between(T top_left, T top_right, T bottom_left, T bottom_right, const FixedTaps& x, const FixedTaps& y) {
  if constexpr (std::is_same_v<T, float>) {
    return Lerp(Lerp(top_left, top_right, x.weight), Lerp(bottom_left, bottom_right, x.weight), y.weight);
  } else {
    constexpr int64_t kOne = int64_t{1} << kBits;
    // Values pass through a float, as in TensorFlow, whose 32-bit type turns into no other number.
    const auto whole = [](T value) { return static_cast<int64_t>(static_cast<float>(value)); };
    const auto along = [&](T a, T b) { return whole(a) * kOne + (whole(b) - whole(a)) * x.fixed; };
    const int64_t top = along(top_left, top_right), bottom = along(bottom_left, bottom_right);
    return static_cast<T>((top + (bottom - top) / kOne * y.fixed + kOne / 2) / kOne);
  }
}

template <typename T, int kBits>
void ResizeFixed(const ResizeGeometry& g, int64_t batch, const T* image, T* out) {
  const std::vector<FixedTaps> xs = FixedTapsOf(g, g.in_w, g.out_w, g.scale_w, kBits);
  const std::vector<FixedTaps> ys = FixedTapsOf(g, g.in_h, g.out_h, g.scale_h, kBits);
  for (int64_t n = 0; n < batch; ++n) {
    for (const FixedTaps& y : ys) {
      for (const FixedTaps& x : xs) {
        const T* top = image + g.Element(n, y.lower, 0, 0);
        const T* bottom = image + g.Element(n, y.upper, 0, 0);
        for (int64_t c = 0; c < g.channels; ++c) {
          const int64_t left = x.lower * g.channels + c, right = x.upper * g.channels + c;
          *out++ = Between<T, kBits>(top[left], top[right], bottom[left], bottom[right], x, y);
        }
      }
    }
  }
}

Status CheckScalar(const InferContext& c, int i) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(i), "the range of the image"));
  return CheckRank(c.shape(i), 0, "an end of the range");
}

// (image, size, min, max): the range stays as it is.
Status InferQuantizedResize(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRank(x, 4, "the image"));
  for (const int i : {2, 3}) MOULIN_RETURN_IF_ERROR(CheckScalar(c, i));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 1));
  if (size && size->size() != 2) {
    return MakeError(ErrorCode::kShape, "the size of an image must be [h, w], got ", size->size(), " entries");
  }
  for (int i = 0; size && i < 2; ++i) {
    const int64_t side = (*size)[i];
    if (side > 0 && side <= std::numeric_limits<int32_t>::max() && (!x.has_rank() || x.dim(i + 1) != 0)) continue;
    return MakeError(ErrorCode::kShape, "expected sizes from 1 to 2^31-1, got ", side, " for the image ", x.ToString());
  }
  const auto dim = [&](int i) { return x.has_rank() ? x.dim(i) : kUnknownDim; };
  const auto side = [&](int i) { return size ? (*size)[i] : kUnknownDim; };
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), PartialShape{dim(0), side(0), side(1), dim(3)}));
  for (int i = 0; i < 2; ++i) MOULIN_RETURN_IF_ERROR(AddOutput(c, DType::kFloat32, PartialShape::OfRank(0)));
  return absl::OkStatus();
}

Status QuantizedResize(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferQuantizedResize));
  for (const int i : {1, 2}) CopyElements(c.input(i + 1), 0, c.output(i), 0, 1);
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  if (y.num_elements() == 0) return absl::OkStatus();  // the other sides may be of any size then
  if (x.shape() == y.shape()) {
    CopyElements(x, 0, y, 0, x.num_elements());
    return absl::OkStatus();
  }
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  ResizeGeometry g{x.shape().dim(1), x.shape().dim(2), y.shape().dim(1), y.shape().dim(2), x.shape().dim(3)};
  const bool aligns = IntAttr(attrs, "align_corners", 0) != 0;
  g.half_pixel_centers = IntAttr(attrs, "half_pixel_centers", 0) != 0;
  g.scale_h = ResizeGeometry::Scale(g.in_h, g.out_h, aligns);
  g.scale_w = ResizeGeometry::Scale(g.in_w, g.out_w, aligns);
  const auto run = [&](auto tag, auto bits) {
    using T = decltype(tag);
    ResizeFixed<T, bits()>(g, x.shape().dim(0), static_cast<const T*>(x.data()), static_cast<T*>(y.mutable_data()));
    return absl::OkStatus();
  };
  if (x.dtype() == DType::kQUInt8) return run(uint8_t(), std::integral_constant<int, 7>());
  if (x.dtype() == DType::kQInt32) return run(int32_t(), std::integral_constant<int, 30>());
  if (x.dtype() == DType::kFloat32) return run(float(), std::integral_constant<int, 0>());
  return UnsupportedType(x.dtype());
}

constexpr HostOp kQuantizedResizeKernels[] = {
    {"QuantizedResizeBilinear", 4, 4, InferQuantizedResize, QuantizedResize},
};

}  // namespace

absl::Span<const HostOp> QuantizedResizeKernels() { return kQuantizedResizeKernels; }

}  // namespace moulin
