// What the sources of kernels (kernels/*.cu) are written in: CUDA C++ where nvcc compiles them, and where a host
// compiler does, the emulator of tests/cuda/emulator/, which runs them thread by thread.
#ifndef MOULIN_CUDA_KERNELS_DEVICE_CODE_H_
#define MOULIN_CUDA_KERNELS_DEVICE_CODE_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"

#if defined(__CUDACC__)
// Dynamic shared memory as an array of T, aligned to 16 bytes; LaunchDims::shared_bytes long.
#define MOULIN_DYNAMIC_SHARED(T, name)                                  \
  extern __shared__ __align__(16) unsigned char moulin_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(moulin_dynamic_shared)
#else
#include "emulator/emulator.h"
#endif

namespace moulin::cuda {

// The handle of a kernel whose threads do not talk to each other: no barriers, shuffles or shared memory.
template <typename... Params>
DeviceFunction<Params...> IndependentKernel(const char* name, void (*kernel)(Params...)) {
#if !defined(__CUDACC__)
  emulator::Register(name, kernel, /*is_cooperative=*/false);
#endif
  return {name, reinterpret_cast<const void*>(kernel)};
}

// The handle of any other kernel.
template <typename... Params>
DeviceFunction<Params...> CooperativeKernel(const char* name, void (*kernel)(Params...)) {
#if !defined(__CUDACC__)
  emulator::Register(name, kernel, /*is_cooperative=*/true);
#endif
  return {name, reinterpret_cast<const void*>(kernel)};
}

#if defined(__CUDACC__)
// The number of this thread among all of the grid, and how many there are: one-dimensional grids alone.
__device__ inline int64_t GlobalThread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline int64_t GlobalThreads() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }
#else
inline int64_t GlobalThread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
inline int64_t GlobalThreads() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }
#endif

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_DEVICE_CODE_H_
