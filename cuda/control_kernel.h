// Choices and loops as kernels: conditional nodes of the graph that a plan is recorded as.
#ifndef MOULIN_CUDA_CONTROL_KERNEL_H_
#define MOULIN_CUDA_CONTROL_KERNEL_H_

#include "cuda/kernel_factory.h"

namespace moulin::cuda {

// A kernel for a Case or a While of fixed sizes, all of whose graphs run on the device; null for others. What is within
// gets its kernels from `kernels`.
StatusOr<KernelPtr> MakeControlKernel(const KernelRequest& request, KernelSource& kernels);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CONTROL_KERNEL_H_
