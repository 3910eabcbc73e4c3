// What the CUDA device's kernels are made from, and the list of what makes them.
#ifndef MOULIN_CUDA_KERNEL_FACTORY_H_
#define MOULIN_CUDA_KERNEL_FACTORY_H_

#include <memory>
#include <vector>

#include "cuda/context.h"
#include "cuda/kernel.h"
#include "device/node_view.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin::cuda {

// A node to be prepared; all types are concrete, the operands marked * in ir/op_kind.h are constants, and every type
// has a fixed size.
struct KernelRequest : NodeView {
  std::shared_ptr<CudaContext> context;

  // 0 where the type has no fixed size.
  int64_t output_element_bytes() const { return static_cast<int64_t>(SizeOf(output_dtype())); }
};

using KernelPtr = std::shared_ptr<const CudaKernel>;

// For results without elements.
KernelPtr NothingToDo();

// A kernel for the node, or null where this factory has none for its types, shapes or attributes: the node is then run
// on the host. Errors are for what no device could run.
using KernelFactory = StatusOr<KernelPtr> (*)(const KernelRequest& request);

// The factory of a primitive, or null where the device has no kernel for it.
KernelFactory FactoryFor(OpKind kind);

StatusOr<KernelPtr> MakeMapKernel(const KernelRequest& request);            // map_kernel.cc
StatusOr<KernelPtr> MakeReduceKernel(const KernelRequest& request);         // reduce_kernel.cc
StatusOr<KernelPtr> MakeArgReduceKernel(const KernelRequest& request);      // reduce_kernel.cc
StatusOr<KernelPtr> MakeScanKernel(const KernelRequest& request);           // scan_kernel.cc
StatusOr<KernelPtr> MakeSegmentReduceKernel(const KernelRequest& request);  // scatter_kernel.cc
StatusOr<KernelPtr> MakeTopKKernel(const KernelRequest& request);           // sort_kernel.cc
StatusOr<KernelPtr> MakeContractKernel(const KernelRequest& request);       // contract_kernel.cc
StatusOr<KernelPtr> MakeMatrixKernel(const KernelRequest& request);         // matrix_kernel.cc: band part, diagonals
StatusOr<KernelPtr> MakeConvKernel(const KernelRequest& request);           // conv_kernel.cc
StatusOr<KernelPtr> MakeConvTransposeKernel(const KernelRequest& request);  // conv_kernel.cc
StatusOr<KernelPtr> MakeWindowKernel(const KernelRequest& request);         // window_kernel.cc: Dilation, Patches
StatusOr<KernelPtr> MakePoolKernel(const KernelRequest& request);           // window_kernel.cc: Pool, MaxPoolWithArgmax
StatusOr<KernelPtr> MakeBatchNormKernel(const KernelRequest& request);      // normalize_kernel.cc
StatusOr<KernelPtr> MakeLayerNormKernel(const KernelRequest& request);      // normalize_kernel.cc
StatusOr<KernelPtr> MakeSoftmaxKernel(const KernelRequest& request);        // normalize_kernel.cc
StatusOr<KernelPtr> MakeLocalResponseNormKernel(const KernelRequest& request);  // normalize_kernel.cc
StatusOr<KernelPtr> MakeAttentionKernel(const KernelRequest& request);          // attention_kernel.cc
StatusOr<KernelPtr> MakeResizeKernel(const KernelRequest& request);             // image_kernel.cc
StatusOr<KernelPtr> MakeCropAndResizeKernel(const KernelRequest& request);      // image_kernel.cc
StatusOr<KernelPtr> MakeNonMaxSuppressionKernel(const KernelRequest& request);  // detection_kernel.cc
StatusOr<KernelPtr> MakeMovementKernel(
    const KernelRequest& request);  // movement_kernel.cc: everything that is y[i] = x[map(i)]
StatusOr<KernelPtr> MakeGatherKernel(const KernelRequest& request);   // gather_kernel.cc: Gather, GatherNd, OneHot
StatusOr<KernelPtr> MakeScatterKernel(const KernelRequest& request);  // scatter_kernel.cc: ScatterNd, TensorScatter
StatusOr<KernelPtr> MakeShapeKernel(const KernelRequest& request);    // shape_kernel.cc: ShapeOf..., Range, LinSpace

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNEL_FACTORY_H_
