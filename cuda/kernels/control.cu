// Tests: tests/cuda/device/control_test.cc. Compiled apart (cuda/CMakeLists.txt): the function that sets a condition is
// linked from CUDA's device runtime.
#include "cuda/kernels/control.h"
#include "cuda/kernels/device_code.h"

namespace moulin::cuda {
namespace {

// A word that a thread of the host may be writing.
__device__ int32_t LoadFromHost(const int32_t* word) {
#if defined(__CUDACC__)
  return *static_cast<const volatile int32_t*>(word);
#else
  return __atomic_load_n(word, __ATOMIC_RELAXED);
#endif
}

__device__ void Set(const Conditional& conditional, unsigned value) {
  if (conditional.is_in_graph) cudaGraphSetConditional(conditional.handle, value);
}

__global__ void SetLoop(const uint8_t* again, const int32_t* stop, Conditional conditional) {
  Set(conditional, *again != 0 && LoadFromHost(stop) == 0 ? 1 : 0);
}

__global__ void SetBranch(const int32_t* index, int32_t num_branches, Conditional conditional) {
  const bool is_there = *index >= 0 && *index < num_branches;
  Set(conditional, static_cast<unsigned>(is_there ? *index : num_branches - 1));
}

}  // namespace

DeviceFunction<const uint8_t*, const int32_t*, Conditional> SetLoopFunction() {
  return IndependentKernel("SetLoop", SetLoop);
}

DeviceFunction<const int32_t*, int32_t, Conditional> SetBranchFunction() {
  return IndependentKernel("SetBranch", SetBranch);
}

}  // namespace moulin::cuda
