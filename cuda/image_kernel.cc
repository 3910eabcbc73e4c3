// Resize and CropAndResize. The common types of images have kernels of their own; others are first converted to float,
// which is what interpolation makes of each pixel anyway.
#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/image.h"
#include "cuda/real_type.h"

namespace moulin::cuda {
namespace {

ResizeGeometry GeometryOf(const ResizeAttrs& attrs, const Shape& x, const Shape& y) {
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

KernelPtr MakeNearest(const KernelRequest& request, const ResizeGeometry& geometry) {
  const auto function = ResizeNearestFunction(static_cast<int>(SizeOf(request.dtype(0))));
  if (!function) return nullptr;
  const int64_t n = request.output_shape().num_elements();
  return std::make_shared<SimpleKernel>("resize:nearest", [=](const LaunchContext& context) -> Status {
    if (n == 0) return absl::OkStatus();
    return Launch(context, function, DimsFor(n), context.input(0), context.output(), n, NearestMap{geometry});
  });
}

Interpolation InterpolationOf(ResizeMethod method) {
  switch (method) {
    case ResizeMethod::kBicubic:
      return Interpolation::kBicubic;
    case ResizeMethod::kArea:
      return Interpolation::kArea;
    default:
      return Interpolation::kBilinear;
  }
}

// The image that a kernel reads: the operand, or the operand as floats in the workspace.
struct ImageSource {
  RealType type = RealType::kFloat32;
  DeviceFunction<const void*, float*, int64_t> convert;  // null: no conversion
  int64_t elements = 0;

  int64_t workspace_bytes() const { return convert ? elements * static_cast<int64_t>(sizeof(float)) : 0; }
  StatusOr<const void*> Prepare(const LaunchContext& context) const {
    if (!convert || elements == 0) return context.input(0);
    auto* floats = static_cast<float*>(context.workspace);
    MOULIN_RETURN_IF_ERROR(Launch(context, convert, DimsFor(elements), context.input(0), floats, elements));
    return floats;
  }
};

// `is_native`: there is a kernel for images of that type.
ImageSource SourceOf(const KernelRequest& request, RealType type, bool is_native) {
  ImageSource source;
  source.elements = request.shape(0).num_elements();
  if (is_native) {
    source.type = type;
  } else {
    source.convert = ToFloatFunction(type);
  }
  return source;
}

}  // namespace

StatusOr<KernelPtr> MakeResizeKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<ResizeAttrs>();
  const ResizeGeometry geometry = GeometryOf(attrs, request.shape(0), request.output_shape());
  if (attrs.method == ResizeMethod::kNearest) return MakeNearest(request, geometry);
  const std::optional<RealType> type = RealTypeOf(request.dtype(0));
  const std::optional<RealType> output_type = RealTypeOf(request.output_dtype());
  if (!type || !output_type) return nullptr;
  const Interpolation method = InterpolationOf(attrs.method);
  const ImageSource source = SourceOf(request, *type, static_cast<bool>(ResizeFunction(method, *type)));
  const auto function = ResizeFunction(method, source.type);
  const int64_t n = request.output_shape().num_elements();
  return std::make_shared<SimpleKernel>(
      function.name,
      [=](const LaunchContext& context) -> Status {
        if (n == 0) return absl::OkStatus();
        MOULIN_ASSIGN_OR_RETURN(const void* image, source.Prepare(context));
        return Launch(context, function, DimsFor(n), image, context.output(), n, geometry, *output_type);
      },
      source.workspace_bytes());
}

StatusOr<KernelPtr> MakeCropAndResizeKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<CropAndResizeAttrs>();
  const std::optional<RealType> type = RealTypeOf(request.dtype(0));
  if (!type) return nullptr;
  CropParameters parameters;
  parameters.geometry = GeometryOf(ResizeAttrs(), request.shape(0), request.output_shape());
  parameters.num_images = request.shape(0).dim(0);
  parameters.nearest = attrs.nearest;
  parameters.extrapolation_value = static_cast<float>(attrs.extrapolation_value);
  const ImageSource source = SourceOf(request, *type, static_cast<bool>(CropAndResizeFunction(*type)));
  const auto function = CropAndResizeFunction(source.type);
  const int64_t n = request.output_shape().num_elements();
  return std::make_shared<SimpleKernel>(
      "crop_and_resize",
      [=](const LaunchContext& context) -> Status {
        if (n == 0) return absl::OkStatus();
        MOULIN_ASSIGN_OR_RETURN(const void* image, source.Prepare(context));
        return Launch(context, function, DimsFor(n), image, context.input<float>(1), context.input<int32_t>(2),
                      context.output<float>(), n, parameters);
      },
      source.workspace_bytes());
}

}  // namespace moulin::cuda
