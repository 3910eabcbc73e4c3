// Kernels of expressions, also for the epilogues of other kernels.
#ifndef MOULIN_CUDA_MAP_KERNEL_H_
#define MOULIN_CUDA_MAP_KERNEL_H_

#include <memory>

#include "absl/types/span.h"
#include "cuda/kernel_factory.h"
#include "ir/expr.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin::cuda {

// A kernel whose input i is input i of the expression and whose output is `output`, to which the inputs broadcast; all
// types are concrete. Inputs that the expression does not read may be null when it is enqueued. An input that
// can_run_in_place may have the address of the output. Null where a type or an operation is not covered.
StatusOr<KernelPtr> MakeExprKernel(const std::shared_ptr<CudaContext>& context, const Expr& expr,
                                   absl::Span<const TensorType> inputs, const TensorType& output);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_MAP_KERNEL_H_
