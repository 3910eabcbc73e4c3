// Launching own kernels.
#ifndef MOULIN_CUDA_RUNTIME_LAUNCH_H_
#define MOULIN_CUDA_RUNTIME_LAUNCH_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "absl/types/span.h"
#include "cuda/runtime/cuda_api.h"
#include "cuda/runtime/device_function.h"
#include "moulin/status.h"

namespace moulin::cuda {

struct LaunchDims {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;  // dynamic shared memory
};

// A thread an element: enough blocks for `elements`, at most `max_blocks` (a kernel whose grid does not cover its
// elements strides over them).
inline LaunchDims DimsFor(int64_t elements, int threads = 256, int64_t max_blocks = int64_t{1} << 20) {
  const int64_t blocks = std::clamp<int64_t>((elements + threads - 1) / threads, 1, max_blocks);
  return {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), 0};
}

// Where and on what a prepared kernel is to be enqueued.
struct LaunchContext {
  const CudaApi* api = nullptr;
  cudaStream_t stream = nullptr;         // capturing, or not
  absl::Span<const void* const> inputs;  // addresses on the device, in the order of the node's inputs
  absl::Span<void* const> outputs;       // of the node's outputs
  void* workspace = nullptr;             // Kernel::workspace_bytes() bytes on the device, 64-byte aligned
  // Pinned memory, not 0 from when the loops of the run are to end. Null in plans without loops.
  const int32_t* stop = nullptr;

  template <typename T = void>
  const T* input(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T = void>
  T* output(int i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
};

Status LaunchUntyped(const LaunchContext& context, const char* name, const void* function, const LaunchDims& dims,
                     void** args);

// Enqueues `function`; the arguments are copied. A grid without threads is no launch.
template <typename... Params>
Status Launch(const LaunchContext& context, const DeviceFunction<Params...>& function, const LaunchDims& dims,
              std::type_identity_t<Params>... args) {
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  return LaunchUntyped(context, function.name, function.address, dims, pointers);
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_RUNTIME_LAUNCH_H_
