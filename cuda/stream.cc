#include "cuda/stream.h"

#include <algorithm>

#include "base/status_macros.h"

namespace moulin::cuda {

StatusOr<std::shared_ptr<StreamHandle>> StreamHandle::Create(const CudaApi& api, int priority,
                                                             std::shared_ptr<const GreenContext> green) {
  int least = 0, greatest = 0;  // the runtime counts downwards: the greatest priority is the lowest number
  MOULIN_RETURN_IF_ERROR(ToStatus(api, api.DeviceGetStreamPriorityRange(&least, &greatest), "asking for priorities"));
  const int level = std::clamp(-priority, greatest, least);
  cudaStream_t stream = nullptr;
  if (green != nullptr) {
    MOULIN_ASSIGN_OR_RETURN(stream, green->NewStream(level));
  } else {
    MOULIN_RETURN_IF_ERROR(
        ToStatus(api, api.StreamCreateWithPriority(&stream, cudaStreamNonBlocking, level), "creating a stream"));
  }
  return std::shared_ptr<StreamHandle>(new StreamHandle(api, stream, std::move(green)));
}

StatusOr<std::unique_ptr<EventHandle>> EventHandle::Create(const CudaApi& api, unsigned flags) {
  cudaEvent_t event = nullptr;
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api, api.EventCreateWithFlags(&event, flags | cudaEventBlockingSync), "creating an event"));
  return std::unique_ptr<EventHandle>(new EventHandle(api, event));
}

}  // namespace moulin::cuda
