// Kernels that decide how a graph goes on behind them: they set the conditions of conditional nodes.
#ifndef MOULIN_CUDA_KERNELS_CONTROL_H_
#define MOULIN_CUDA_KERNELS_CONTROL_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"

namespace moulin::cuda {

// As cudaGraphConditionalHandle.
using ConditionHandle = unsigned long long;

// What a kernel sets. Outside of a graph nothing is set; it then runs to be loaded.
struct Conditional {
  ConditionHandle handle = 0;
  bool is_in_graph = false;
};

// Whether a loop goes on: (again, stop, conditional), where `again` is its condition and *stop, in memory of the host,
// is not 0 once the loop is to end whatever that says.
DeviceFunction<const uint8_t*, const int32_t*, Conditional> SetLoopFunction();

// Which of `num_branches` branches is taken: (index, num_branches, conditional); an index that there is no branch for
// takes the last one.
DeviceFunction<const int32_t*, int32_t, Conditional> SetBranchFunction();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_CONTROL_H_
