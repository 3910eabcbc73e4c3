// Pooling, grey-scale dilation and patches, all by own kernels. Covered by tests/cuda/kernels/window_test.cc.
#include <utility>

#include "cuda/kernel_factory.h"
#include "cuda/kernels/window.h"
#include "ops/window_util.h"

namespace moulin::cuda {
namespace {

WindowGeometry PoolGeometry(const KernelRequest& request) {
  const PoolAttrs& attrs = request.node.attr<PoolAttrs>();
  const WindowAttrs windows{attrs.window,  attrs.strides,    SpatialDims(attrs.strides.size(), 1),
                            attrs.padding, attrs.pad_before, attrs.pad_after};
  return MakeGeometry(windows, request.shape(0), request.output_shape(), attrs.channels_last);
}

StatusOr<KernelPtr> MakeArgmaxPool(const KernelRequest& request) {
  const PoolAttrs& attrs = request.node.attr<PoolAttrs>();
  const auto function = ArgmaxPoolFunction(request.dtype(0));
  if (!function) return KernelPtr();
  const LaunchDims dims = DimsFor(request.output_shape().num_elements());
  const bool is_int64 = attrs.index_type == DType::kInt64;
  return std::make_shared<SimpleKernel>(function.name,
                                        [function, dims, g = PoolGeometry(request), is_int64,
                                         include_batch = attrs.include_batch_in_index](const LaunchContext& context) {
                                          return Launch(context, function, dims, context.input(0), context.output(0),
                                                        context.output(1), g, is_int64, include_batch);
                                        });
}

StatusOr<KernelPtr> MakeDilation(const KernelRequest& request) {
  const ConvAttrs& attrs = request.node.attr<ConvAttrs>();
  const auto function = DilationFunction(request.dtype(0));
  if (!function) return KernelPtr();
  const Shape filter = request.shape(1);
  const WindowAttrs windows{SpatialDims(filter.dims().begin(), filter.dims().end() - 1),
                            attrs.strides,
                            attrs.dilations,
                            attrs.padding,
                            attrs.pad_before,
                            attrs.pad_after};
  const WindowGeometry g = MakeGeometry(windows, request.shape(0), request.output_shape(), attrs.channels_last);
  const LaunchDims dims = DimsFor(request.output_shape().num_elements());
  return std::make_shared<SimpleKernel>(function.name, [function, dims, g](const LaunchContext& context) {
    return Launch(context, function, dims, context.input(0), context.input(1), context.output(), g);
  });
}

StatusOr<KernelPtr> MakePatches(const KernelRequest& request) {
  const PatchesAttrs& attrs = request.node.attr<PatchesAttrs>();
  const auto function = PatchesFunction(static_cast<int>(SizeOf(request.dtype(0))));
  if (!function) return KernelPtr();
  const WindowAttrs windows{attrs.window, attrs.strides, attrs.dilations, attrs.padding, {}, {}};
  const PatchesMap map{MakeGeometry(windows, request.shape(0), request.output_shape(), /*channels_last=*/true)};
  const int64_t n = request.output_shape().num_elements();
  return std::make_shared<SimpleKernel>(function.name, [function, map, n](const LaunchContext& context) {
    return Launch(context, function, DimsFor(n), context.input(0), context.output(), map, n);
  });
}

}  // namespace

StatusOr<KernelPtr> MakePoolKernel(const KernelRequest& request) {
  if (request.node.kind == OpKind::kMaxPoolWithArgmax) return MakeArgmaxPool(request);
  const PoolAttrs& attrs = request.node.attr<PoolAttrs>();
  const DType type = request.dtype(0);
  const WindowGeometry g = PoolGeometry(request);
  const int widest = PoolVector(type);
  const int vector = attrs.channels_last && g.in.channels % widest == 0 ? widest : 1;
  const auto function = attrs.op == PoolOp::kMax ? MaxPoolFunction(type, vector) : AveragePoolFunction(type, vector);
  if (!function) return KernelPtr();
  const LaunchDims dims = DimsFor(request.output_shape().num_elements() / vector);
  return std::make_shared<SimpleKernel>(function.name, [function, dims, g](const LaunchContext& context) {
    return Launch(context, function, dims, context.input(0), context.output(), g);
  });
}

StatusOr<KernelPtr> MakeWindowKernel(const KernelRequest& request) {
  return request.node.kind == OpKind::kDilation ? MakeDilation(request) : MakePatches(request);
}

}  // namespace moulin::cuda
