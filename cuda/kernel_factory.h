// What the CUDA device's kernels are made from, and the list of what makes them.
#ifndef MOULIN_CUDA_KERNEL_FACTORY_H_
#define MOULIN_CUDA_KERNEL_FACTORY_H_

#include <memory>
#include <vector>

#include "cuda/constants.h"
#include "cuda/kernel.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin::cuda {

class KernelCompiler;
class PrimitiveLibrary;
class Tuner;

// What the kernels of one device share. Kernels keep it alive.
struct CudaContext {
  const CudaApi* api = nullptr;
  bool measure_time = false;    // of each run (DeviceOptions::measure_time)
  bool plan_only = false;       // no GPU is to be touched: nothing is timed, compiled or uploaded
  int multiprocessors = 132;    // of the device; those of an H200 where there is none
  int compute_capability = 90;  // 10 * major + minor
  std::shared_ptr<ConstantStore> constants;
  // Compiles generated code; null where NVRTC is absent: maps are then interpreted (kernels/map_interpreter.cu).
  std::shared_ptr<KernelCompiler> compiler;
  // Convolutions, products and attention of cuDNN and cuBLASLt; empty where neither is there.
  std::vector<std::shared_ptr<PrimitiveLibrary>> libraries;
  // Chooses among candidates; null: the first one is taken.
  std::shared_ptr<Tuner> tuner;
};

// A node to be prepared; all types are concrete, the operands marked * in ir/op_kind.h are constants, and every type
// has a fixed size.
struct KernelRequest {
  const Graph& graph;
  const Node& node;
  std::shared_ptr<CudaContext> context;

  int num_inputs() const { return static_cast<int>(node.inputs.size()); }
  int num_outputs() const { return static_cast<int>(node.outputs.size()); }
  DType dtype(int i) const { return graph.value(node.inputs[i]).type.dtype; }
  Shape shape(int i) const { return graph.value(node.inputs[i]).type.shape.ToShape(); }
  // The elements of input i, or null where it is not a constant.
  const Tensor* constant(int i) const {
    const Value& value = graph.value(node.inputs[i]);
    return value.is_constant() ? &value.constant : nullptr;
  }
  DType output_dtype(int i = 0) const { return graph.value(node.outputs[i]).type.dtype; }
  Shape output_shape(int i = 0) const { return graph.value(node.outputs[i]).type.shape.ToShape(); }
  // The integers of constant input i (int32 or int64), empty where there are none.
  std::vector<int64_t> ints(int i) const;
};

using KernelPtr = std::shared_ptr<const CudaKernel>;

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
