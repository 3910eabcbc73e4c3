// Convolutions and their kin. Conv and ConvTranspose walk the same windows: one gathers from their taps, the other
// scatters to them. Sums are kept in double (integers modulo 2^64). Tests: tests/ops/conv_test.cc.
#include <algorithm>
#include <limits>

#include "kernels/scalar_arithmetic.h"
#include "ops/epilogue.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"
#include "ops/window_util.h"

namespace moulin {
namespace {

// The windows of a convolution with a filter [spatial..., _, _].
StatusOr<WindowAttrs> ConvWindows(const ConvAttrs& attrs, const PartialShape& filter, int extra_axes) {
  const int spatial = static_cast<int>(attrs.strides.size());
  MOULIN_RETURN_IF_ERROR(CheckRank(filter, spatial + extra_axes, "the filter"));
  WindowAttrs w{SpatialDims(spatial, kUnknownDim),
                attrs.strides,
                attrs.dilations,
                attrs.padding,
                attrs.pad_before,
                attrs.pad_after};
  for (int i = 0; filter.has_rank() && i < spatial; ++i) w.taps[i] = filter.dim(i);
  MOULIN_RETURN_IF_ERROR(CheckWindowAttrs(w));
  return w;
}

// E_SHAPE unless `channels` is groups * per_group and groups divides `filters`, as far as they are known.
Status CheckGroups(int64_t groups, int64_t channels, int64_t per_group, int64_t filters) {
  if (groups < 1) return MakeError(ErrorCode::kAttribute, "groups must be positive, got ", groups);
  if (channels >= 0 && per_group >= 0 && MulDims(per_group, groups) != channels) {
    return MakeError(ErrorCode::kShape, "the filter expects ", groups, " groups of ", per_group,
                     " channels, the image has ", channels);
  }
  if (filters >= 0 && filters % groups != 0) {
    return MakeError(ErrorCode::kShape, "the number of filters ", filters, " is no multiple of the groups ", groups);
  }
  return absl::OkStatus();
}

// The type of the sums; E_DTYPE for operands that are not convolved.
StatusOr<DType> InferConvType(DType x, DType filter, DType product_type) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(x, filter, "the filter"));
  MOULIN_ASSIGN_OR_RETURN(const DType sums, InferProductType(x, product_type));
  if (IsFloating(sums) || sums == DType::kInt32) return sums;
  return UnsupportedType(x);
}

// Elements as numbers to add up: doubles, or integers modulo 2^64.
template <typename T, typename Sum>
std::vector<Sum> AsSums(const Tensor& t) {
  const auto* values = static_cast<const T*>(t.data());
  std::vector<Sum> out(t.num_elements());
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<Sum>(static_cast<ArithmeticOf<T>>(values[i]));
  return out;
}

template <typename T, typename Sum>
void NarrowSums(const std::vector<Sum>& from, Tensor* to) {
  auto* values = static_cast<T*>(to->mutable_data());
  for (size_t i = 0; i < from.size(); ++i) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      values[i] = BFloat16(static_cast<float>(from[i]));
    } else {
      values[i] = static_cast<T>(from[i]);
    }
  }
}

// f(T(), Sum(), R()) for the operands' type, what they are added up in, and the type of the product.
template <typename F>
Status DispatchConv(DType type, F f) {
  if (type == DType::kInt8) return f(int8_t(), uint64_t(), int32_t());
  if (type == DType::kInt32) return f(int32_t(), uint64_t(), int32_t());
  return DispatchFloating(type, [&](auto tag) { return f(tag, double(), tag); });
}

// Where a convolution's numbers lie: `x` and `y` are the geometry's in and out (or the reverse).
struct GroupedFilter {
  int64_t groups;
  int64_t channels;  // of x, a group
  int64_t filters;   // of y, a group
};

// y[filter] += x[channel] * filter[channel][filter] over one group, at one tap.
template <typename Sum>
void AddTap(const Sum* x, int64_t x_stride, const Sum* filter, int64_t row, const GroupedFilter& f, Sum* y) {
  for (int64_t c = 0; c < f.channels; ++c) {
    const Sum value = x[c * x_stride];
    const Sum* weights = filter + c * row;
    for (int64_t k = 0; k < f.filters; ++k) y[k] += value * weights[k];
  }
}

template <typename Sum>
void Convolve(const WindowGeometry& g, const GroupedFilter& f, const std::vector<Sum>& x,
              const std::vector<Sum>& filter, std::vector<Sum>* y) {
  const int64_t row = f.groups * f.filters;
  std::vector<Sum> sums(row);
  for (int64_t n = 0; n < g.out.batch; ++n) {
    for (int64_t p = 0; p < g.out.num_positions(); ++p) {
      std::fill(sums.begin(), sums.end(), Sum(0));
      g.ForEachTap(p, [&](int64_t tap, int64_t offset) {
        const Sum* image = x.data() + n * g.in.batch_stride + offset;
        const Sum* weights = filter.data() + tap * f.channels * row;
        for (int64_t group = 0; group < f.groups; ++group) {
          AddTap(image + group * f.channels * g.in.channel_stride, g.in.channel_stride, weights + group * f.filters,
                 row, f, sums.data() + group * f.filters);
        }
      });
      Sum* out = y->data() + n * g.out.batch_stride + WindowGeometry::Offset(g.out, p);
      for (int64_t k = 0; k < row; ++k) out[k * g.out.channel_stride] = sums[k];
    }
  }
}

// The reverse: `g` goes from y, the image, to x, one element a window.
template <typename Sum>
void ConvolveTransposed(const WindowGeometry& g, const GroupedFilter& f, const std::vector<Sum>& x,
                        const std::vector<Sum>& filter, std::vector<Sum>* y) {
  const int64_t row = f.groups * f.filters;
  for (int64_t n = 0; n < g.out.batch; ++n) {
    for (int64_t p = 0; p < g.out.num_positions(); ++p) {
      const Sum* values = x.data() + n * g.out.batch_stride + WindowGeometry::Offset(g.out, p);
      g.ForEachTap(p, [&](int64_t tap, int64_t offset) {
        for (int64_t c = 0; c < f.groups * f.channels; ++c) {
          const int64_t group = c / f.channels;
          const Sum* weights = filter.data() + (tap * f.channels + c % f.channels) * row + group * f.filters;
          Sum sum = 0;
          for (int64_t k = 0; k < f.filters; ++k) {
            sum += values[(group * f.filters + k) * g.out.channel_stride] * weights[k];
          }
          (*y)[n * g.in.batch_stride + offset + c * g.in.channel_stride] += sum;
        }
      });
    }
  }
}

// Stores sums as the result, through the epilogue if there is one. `shape` is that of the sums.
template <typename T, typename Sum>
Status Finish(const KernelContext& c, const Expr& epilogue, int first_input, DType type, const Shape& shape,
              const std::vector<Sum>& sums) {
  if (epilogue.empty()) {
    NarrowSums<T>(sums, &c.output(0));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor product, Tensor::Allocate(type, shape));
  NarrowSums<T>(sums, &product);
  return RunEpilogue(c, epilogue, first_input, product);
}

// --- Conv ---

Status InferConv(InferContext& c) {
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  MOULIN_ASSIGN_OR_RETURN(const DType sums, InferConvType(c.dtype(0), c.dtype(1), attrs.product_type));
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, c.shape(1), 2));
  MOULIN_ASSIGN_OR_RETURN(ImageShape image, ImageShape::Of(c.shape(0), spatial, attrs.channels_last, "the image"));
  const bool known = c.shape(1).has_rank();
  const int64_t filters = known ? c.shape(1).dim(spatial + 1) : kUnknownDim;
  MOULIN_RETURN_IF_ERROR(
      CheckGroups(attrs.groups, image.channels, known ? c.shape(1).dim(spatial) : kUnknownDim, filters));
  MOULIN_ASSIGN_OR_RETURN(image.spatial, WindowOutputSizes(w, image.spatial));
  image.channels = filters;
  const PartialShape out = image.ToShape(attrs.channels_last);
  MOULIN_ASSIGN_OR_RETURN(const DType type, InferEpilogue(c, attrs.epilogue, 2, {sums, out}));
  return AddOutput(c, type, out);
}

Status Conv(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferConv));
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  const Tensor& x = c.input(0);
  const Tensor& filter = c.input(1);
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, filter.shape(), 2));
  const Shape& shape = c.output(0).shape();
  const WindowGeometry g = MakeGeometry(w, x.shape(), shape, attrs.channels_last);
  const GroupedFilter f{attrs.groups, filter.shape().dim(spatial), filter.shape().dim(spatial + 1) / attrs.groups};
  return DispatchConv(x.dtype(), [&](auto tag, auto sum, auto result) {
    using T = decltype(tag);
    using Sum = decltype(sum);
    std::vector<Sum> sums(shape.num_elements());
    Convolve(g, f, AsSums<T, Sum>(x), AsSums<T, Sum>(filter), &sums);
    return Finish<decltype(result)>(c, attrs.epilogue, 2, ProductTypeOf(attrs, x.dtype()), shape, sums);
  });
}

// --- ConvTranspose ---

// The shape of the result as the operand gives it, with what the other operands say filled in.
StatusOr<ImageShape> TransposedShape(const InferContext& c, const ImageShape& x) {
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 0));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 1, "the output size"));
  ImageShape out;
  out.spatial.assign(spatial, kUnknownDim);
  if (size) {
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(*size));
    MOULIN_ASSIGN_OR_RETURN(out, ImageShape::Of(shape, spatial, attrs.channels_last, "the output size"));
  }
  MOULIN_ASSIGN_OR_RETURN(out.batch, MergeDims(out.batch, x.batch, "the batch of the output size"));
  if (out.channels < 0 && c.shape(1).has_rank()) {
    const std::optional<int64_t> channels = MulDims(c.shape(1).dim(spatial), attrs.groups);
    out.channels = channels.value_or(kUnknownDim);
  }
  return out;
}

Status InferConvTranspose(InferContext& c) {
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  MOULIN_ASSIGN_OR_RETURN(const DType sums, InferConvType(c.dtype(2), c.dtype(1), attrs.product_type));
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, c.shape(1), 2));
  MOULIN_ASSIGN_OR_RETURN(const ImageShape x, ImageShape::Of(c.shape(2), spatial, attrs.channels_last, "the image"));
  MOULIN_ASSIGN_OR_RETURN(const ImageShape out, TransposedShape(c, x));
  const bool known = c.shape(1).has_rank();
  const int64_t filters = known ? c.shape(1).dim(spatial + 1) : kUnknownDim;
  MOULIN_RETURN_IF_ERROR(
      CheckGroups(attrs.groups, out.channels, known ? c.shape(1).dim(spatial) : kUnknownDim, filters));
  MOULIN_RETURN_IF_ERROR(MergeDims(filters, x.channels, "the channels of the image").status());
  MOULIN_ASSIGN_OR_RETURN(const SpatialDims windows, WindowOutputSizes(w, out.spatial));
  for (int i = 0; i < spatial; ++i) {
    MOULIN_RETURN_IF_ERROR(
        MergeDims(windows[i], x.spatial[i], absl::StrCat("windows on spatial axis ", i, " of the output size"))
            .status());
  }
  const PartialShape shape = out.ToShape(attrs.channels_last);
  MOULIN_ASSIGN_OR_RETURN(const DType type, InferEpilogue(c, attrs.epilogue, 3, {sums, shape}));
  return AddOutput(c, type, shape);
}

Status ConvTranspose(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferConvTranspose));
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  const Tensor& filter = c.input(1);
  const Tensor& x = c.input(2);
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, filter.shape(), 2));
  const Shape& shape = c.output(0).shape();
  const WindowGeometry g = MakeGeometry(w, shape, x.shape(), attrs.channels_last);
  const GroupedFilter f{attrs.groups, filter.shape().dim(spatial), filter.shape().dim(spatial + 1) / attrs.groups};
  return DispatchConv(x.dtype(), [&](auto tag, auto sum, auto result) {
    using T = decltype(tag);
    using Sum = decltype(sum);
    std::vector<Sum> sums(shape.num_elements());
    ConvolveTransposed(g, f, AsSums<T, Sum>(x), AsSums<T, Sum>(filter), &sums);
    return Finish<decltype(result)>(c, attrs.epilogue, 3, ProductTypeOf(attrs, x.dtype()), shape, sums);
  });
}

// --- Dilation ---

Status InferDilation(InferContext& c) {
  const auto& attrs = c.attr<ConvAttrs>();
  const int spatial = static_cast<int>(attrs.strides.size());
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the filter"));
  if (!IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) return UnsupportedType(c.dtype(0));
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, c.shape(1), 1));
  MOULIN_ASSIGN_OR_RETURN(ImageShape image, ImageShape::Of(c.shape(0), spatial, attrs.channels_last, "the image"));
  if (c.shape(1).has_rank()) {
    MOULIN_ASSIGN_OR_RETURN(image.channels,
                            MergeDims(image.channels, c.shape(1).dim(spatial), "the channels of the filter"));
  }
  MOULIN_ASSIGN_OR_RETURN(image.spatial, WindowOutputSizes(w, image.spatial));
  return AddOutput(c, c.dtype(0), image.ToShape(attrs.channels_last));
}

template <typename T>
Status Dilate(const WindowGeometry& g, const Tensor& x, const Tensor& filter, Tensor& y) {
  using U = ArithmeticOf<T>;
  const auto* src = static_cast<const T*>(x.data());
  const auto* weights = static_cast<const T*>(filter.data());
  auto* dst = static_cast<T*>(y.mutable_data());
  for (int64_t n = 0; n < g.out.batch; ++n) {
    for (int64_t p = 0; p < g.out.num_positions(); ++p) {
      for (int64_t c = 0; c < g.out.channels; ++c) {
        U best = std::numeric_limits<U>::lowest();
        g.ForEachTap(p, [&](int64_t tap, int64_t offset) {
          const T image = src[n * g.in.batch_stride + offset + c * g.in.channel_stride];
          const U sum = scalar::Add(static_cast<U>(image), static_cast<U>(weights[tap * g.out.channels + c]));  // wraps
          if (sum > best) best = sum;
        });
        dst[n * g.out.batch_stride + WindowGeometry::Offset(g.out, p) + c * g.out.channel_stride] =
            static_cast<T>(best);
      }
    }
  }
  return absl::OkStatus();
}

Status Dilation(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDilation));
  const auto& attrs = c.attr<ConvAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const WindowAttrs w, ConvWindows(attrs, c.input(1).shape(), 1));
  const WindowGeometry g = MakeGeometry(w, c.input(0).shape(), c.output(0).shape(), attrs.channels_last);
  return DispatchReal(c.input(0).dtype(),
                      [&](auto tag) { return Dilate<decltype(tag)>(g, c.input(0), c.input(1), c.output(0)); });
}

// --- Patches ---

Status InferPatches(InferContext& c) {
  const auto& attrs = c.attr<PatchesAttrs>();
  const WindowAttrs w{attrs.window, attrs.strides, attrs.dilations, attrs.padding, {}, {}};
  MOULIN_RETURN_IF_ERROR(CheckWindowAttrs(w));
  MOULIN_ASSIGN_OR_RETURN(ImageShape image,
                          ImageShape::Of(c.shape(0), static_cast<int>(w.strides.size()), true, "the image"));
  MOULIN_ASSIGN_OR_RETURN(image.spatial, WindowOutputSizes(w, image.spatial));
  for (int64_t taps : w.taps) {
    const std::optional<int64_t> depth = MulDims(image.channels, taps);
    if (!depth) return MakeError(ErrorCode::kLimit, "the depth of patches overflows 64 bits");
    image.channels = *depth;
  }
  return AddOutput(c, c.dtype(0), image.ToShape(true));
}

Status Patches(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferPatches));
  const auto& attrs = c.attr<PatchesAttrs>();
  const WindowAttrs w{attrs.window, attrs.strides, attrs.dilations, attrs.padding, {}, {}};
  const WindowGeometry g = MakeGeometry(w, c.input(0).shape(), c.output(0).shape(), true);
  GatherElements(c.input(0), c.output(0), PatchesMap{g});
  return absl::OkStatus();
}

constexpr OpDef kConvOps[] = {
    {OpKind::kConv, 2, kAnyNumber, InferConv, Conv},
    {OpKind::kConvTranspose, 3, kAnyNumber, InferConvTranspose, ConvTranspose, Input(0)},
    {OpKind::kDilation, 2, 2, InferDilation, Dilation},
    {OpKind::kPatches, 1, 1, InferPatches, Patches},
};

}  // namespace

absl::Span<const OpDef> ConvOps() { return kConvOps; }

}  // namespace moulin
