// What kernels of products (matrices, convolutions) have in common: a choice among ways to compute the product, with as
// much of the epilogue as each can, and a kernel behind it for the rest.
#ifndef MOULIN_CUDA_PRODUCT_KERNEL_H_
#define MOULIN_CUDA_PRODUCT_KERNEL_H_

#include <functional>
#include <string>
#include <vector>

#include "cuda/kernel_factory.h"
#include "cuda/kernels/fused_epilogue.h"
#include "cuda/kernels/gemm_tile_sizes.h"
#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

// Where a way of computing a product finds what is not among the node's operands.
struct ProductOperands {
  const void* bias = nullptr;
  const void* residual = nullptr;
  const void* factors = nullptr;  // of Int8Scaling, as the next
  const void* steps = nullptr;
  void* y = nullptr;
  void* workspace = nullptr;
};

// One way to compute a product. `prepare` gives its workspace, or an error where it does not work after all.
struct ProductWay {
  std::string name;
  int unread_input = -1;  // of the node: it has a packed copy of its own
  std::function<StatusOr<int64_t>()> prepare;
  std::function<Status(const LaunchContext&, const ProductOperands&)> enqueue;
};

struct ProductSpec {
  // The problem, for the tuning cache; the epilogue is added to it.
  std::string key;
  DType product_type;  // that the epilogue's input 0 has
  const Expr& epilogue;
  int first_epilogue_input;  // of the node, behind the expression's input 1
  int channel_axis;          // of the result
  // Ways that compute just this part of an epilogue, best guess first; may be none.
  std::function<std::vector<ProductWay>(const LibraryEpilogue&)> library_ways;
  // Own kernels, which compute any such part for floating types: at least one.
  std::function<std::vector<ProductWay>(const LibraryEpilogue&)> own_ways;
};

// Null where the epilogue has no kernel.
StatusOr<KernelPtr> MakeProductKernel(const KernelRequest& request, const ProductSpec& spec);

// A way that enqueues a library's plan; `x` and `w` give its operands.
ProductWay WayOf(std::shared_ptr<const LibraryPlan> plan, std::function<StatusOr<const void*>(const LaunchContext&)> x,
                 std::function<StatusOr<const void*>(const LaunchContext&)> w);

// A block a tile.
LaunchDims GemmDims(const GemmSizes& sizes);

// The parameter of own kernels.
FusedEpilogue OwnEpilogue(const LibraryEpilogue& epilogue, const ProductOperands& operands);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_PRODUCT_KERNEL_H_
