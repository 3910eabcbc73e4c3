// Resizing and cropping of images; the arithmetic is in kernels/resize.h. Tests: tests/ops/image_test.cc.
#include <limits>

#include "kernels/resize.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// The two sizes that an operand gives; unknown where it is not known. E_SHAPE unless they are positive.
Status KnownImageSize(const InferContext& c, int i, int64_t* h, int64_t* w) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, i));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 1, "the size of an image"));
  const int64_t entries = KnownElements(c.shape(i));
  if (entries >= 0 && entries != 2) {
    return MakeError(ErrorCode::kShape, "the size of an image must be [h, w], got ", entries, " entries");
  }
  *h = size ? (*size)[0] : kUnknownDim;
  *w = size ? (*size)[1] : kUnknownDim;
  for (int64_t side : {*h, *w}) {
    if (size && (side <= 0 || side > std::numeric_limits<int32_t>::max())) {
      return MakeError(ErrorCode::kShape, "the size of an image must be positive and below 2^31, got ", side);
    }
  }
  return absl::OkStatus();
}

Status CheckImage(const PartialShape& image) {
  MOULIN_RETURN_IF_ERROR(CheckRank(image, 4, "the image"));
  for (int i = 1; image.has_rank() && i < 3; ++i) {
    if (image.dim(i) == 0) {
      return MakeError(ErrorCode::kShape, "the image has no pixels: ", image.ToString());
    }
  }
  return absl::OkStatus();
}

// Stores f(i), a float, as the i-th element of y for all of them.
template <typename F>
Status StoreAll(Tensor& y, const F& f) {
  return DispatchFloating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto* out = static_cast<T*>(y.mutable_data());
    const int64_t n = y.num_elements();
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(f(i));
    return absl::OkStatus();
  });
}

// --- Resize ---

Status InferResize(InferContext& c) {
  const auto& attrs = c.attr<ResizeAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckImage(c.shape(0)));
  if (attrs.align_corners && attrs.half_pixel_centers) {
    return MakeError(ErrorCode::kAttribute, "align_corners and half_pixel_centers exclude each other");
  }
  const bool nearest = attrs.method == ResizeMethod::kNearest;
  if (!nearest && !IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) return UnsupportedType(c.dtype(0));
  if (!nearest && !IsFloating(attrs.output_type)) return UnsupportedType(attrs.output_type);
  int64_t h, w;
  MOULIN_RETURN_IF_ERROR(KnownImageSize(c, 1, &h, &w));
  const PartialShape& x = c.shape(0);
  const int64_t batch = x.has_rank() ? x.dim(0) : kUnknownDim;
  const int64_t channels = x.has_rank() ? x.dim(3) : kUnknownDim;
  return AddOutput(c, nearest ? c.dtype(0) : attrs.output_type, PartialShape{batch, h, w, channels});
}

ResizeGeometry MakeResizeGeometry(const ResizeAttrs& attrs, const Shape& x, const Shape& y) {
  ResizeGeometry g;
  g.in_h = x.dim(1);
  g.in_w = x.dim(2);
  g.out_h = y.dim(1);
  g.out_w = y.dim(2);
  g.channels = x.dim(3);
  g.align_corners = attrs.align_corners;
  g.half_pixel_centers = attrs.half_pixel_centers;
  g.scale_h = ResizeGeometry::Scale(g.in_h, g.out_h, attrs.align_corners);
  g.scale_w = ResizeGeometry::Scale(g.in_w, g.out_w, attrs.align_corners);
  return g;
}

Status Resize(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferResize));
  const auto& attrs = c.attr<ResizeAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  const ResizeGeometry g = MakeResizeGeometry(attrs, x.shape(), y.shape());
  if (attrs.method == ResizeMethod::kNearest) {
    GatherElements(x, y, NearestMap{g});
    return absl::OkStatus();
  }
  return DispatchReal(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto* image = static_cast<const T*>(x.data());
    switch (attrs.method) {
      case ResizeMethod::kBicubic:
        return StoreAll(y, ResizeBicubic<T>{image, g});
      case ResizeMethod::kArea:
        return StoreAll(y, ResizeArea<T>{image, g});
      default:
        return StoreAll(y, ResizeBilinear<T>{image, g});
    }
  });
}

// --- CropAndResize ---

Status InferCropAndResize(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckImage(c.shape(0)));
  if (!IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) return UnsupportedType(c.dtype(0));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(1), "the boxes"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt32, c.dtype(2), "the box indices"));
  MOULIN_RETURN_IF_ERROR(MergeShapes(PartialShape{kUnknownDim, 4}, c.shape(1), "the boxes").status());
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(2), 1, "the box indices"));
  int64_t boxes = c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  MOULIN_ASSIGN_OR_RETURN(boxes, MergeDims(boxes, KnownElements(c.shape(2)), "the box indices"));
  int64_t h, w;
  MOULIN_RETURN_IF_ERROR(KnownImageSize(c, 3, &h, &w));
  const int64_t channels = c.shape(0).has_rank() ? c.shape(0).dim(3) : kUnknownDim;
  return AddOutput(c, DType::kFloat32, PartialShape{boxes, h, w, channels});
}

Status CropAndResize(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferCropAndResize));
  const auto& attrs = c.attr<CropAndResizeAttrs>();
  const Tensor& x = c.input(0);
  const absl::Span<const int32_t> images = c.input(2).values<int32_t>();
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i] < 0 || images[i] >= x.shape().dim(0)) {
      return MakeError(ErrorCode::kValue, "box ", i, " is of image ", images[i], ", expected [0, ", x.shape().dim(0),
                       ")");
    }
  }
  const ResizeGeometry g = MakeResizeGeometry(ResizeAttrs(), x.shape(), c.output(0).shape());
  return DispatchReal(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    return StoreAll(c.output(0), CropAndResizeBox<T>{static_cast<const T*>(x.data()), c.input(1).values<float>().data(),
                                                     images.data(), g, attrs.nearest,
                                                     static_cast<float>(attrs.extrapolation_value)});
  });
}

constexpr OpDef kImageOps[] = {
    {OpKind::kResize, 2, 2, InferResize, Resize, Input(1)},
    {OpKind::kCropAndResize, 4, 4, InferCropAndResize, CropAndResize, Input(3)},
};

}  // namespace

absl::Span<const OpDef> ImageOps() { return kImageOps; }

}  // namespace moulin
