// A kernel that does nothing: what a launch costs, and whether the device runs code at all.
#ifndef MOULIN_CUDA_KERNELS_EMPTY_H_
#define MOULIN_CUDA_KERNELS_EMPTY_H_

#include "cuda/runtime/device_function.h"

namespace moulin::cuda {

DeviceFunction<> EmptyFunction();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_EMPTY_H_
