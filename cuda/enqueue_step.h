// Enqueues the steps of a plan that the device runs.
#ifndef MOULIN_CUDA_ENQUEUE_STEP_H_
#define MOULIN_CUDA_ENQUEUE_STEP_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin::cuda {

// Where a run of a plan finds a buffer: on the device, or in pinned memory.
using AddressOf = absl::FunctionRef<StatusOr<void*>(BufferId buffer)>;

// Enqueues a launch or a copy of the plan on `stream`. `stop` as of LaunchContext. Errors name the node.
Status EnqueueStep(const CudaApi& api, const Plan& plan, const Step& step, AddressOf address, const int32_t* stop,
                   cudaStream_t stream);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_ENQUEUE_STEP_H_
