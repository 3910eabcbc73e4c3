// Streams of the CUDA device, and owned handles of the runtime's streams, events and graphs.
//
// A run on the GPU is a task on a thread of the host: it stages the inputs, launches the plan's graph, waits for the
// event behind it and hands over the results. So requests complete from a thread that waits, which also sees errors of
// the device, and never from a callback of the driver, which is not called after one. Throughput comes from several
// streams: while one run is waited for, the others' copies and kernels are on the device.
#ifndef MOULIN_CUDA_STREAM_H_
#define MOULIN_CUDA_STREAM_H_

#include <memory>
#include <utility>

#include "cuda/runtime/cuda_api.h"
#include "cuda/runtime/green_context.h"
#include "device/host/stream.h"
#include "moulin/status.h"

namespace moulin::cuda {

// The runtime's objects, destroyed with their handles.
class StreamHandle {
 public:
  // Does not wait for the legacy default stream. A higher `priority` is more urgent; it is cut to the device's range.
  // On the multiprocessors of `green`, which it keeps alive, where that is given.
  static StatusOr<std::shared_ptr<StreamHandle>> Create(const CudaApi& api, int priority,
                                                        std::shared_ptr<const GreenContext> green = nullptr);
  ~StreamHandle() { api_.StreamDestroy(stream_); }
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  StreamHandle(const CudaApi& api, cudaStream_t stream, std::shared_ptr<const GreenContext> green)
      : api_(api), green_(std::move(green)), stream_(stream) {}
  const CudaApi& api_;
  const std::shared_ptr<const GreenContext> green_;  // may be null
  const cudaStream_t stream_;
};

class EventHandle {
 public:
  // Synchronize on it sleeps instead of spinning. It measures time where `flags` are 0.
  static StatusOr<std::unique_ptr<EventHandle>> Create(const CudaApi& api, unsigned flags = cudaEventDisableTiming);
  ~EventHandle() { api_.EventDestroy(event_); }
  EventHandle(const EventHandle&) = delete;
  EventHandle& operator=(const EventHandle&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  EventHandle(const CudaApi& api, cudaEvent_t event) : api_(api), event_(event) {}
  const CudaApi& api_;
  const cudaEvent_t event_;
};

// A stream of the device: a queue of host tasks, each of which may use the handle and leaves nothing running on it.
class CudaStream : public HostStream {
 public:
  // `queue`: a ThreadStream, or a CallerStream.
  CudaStream(std::shared_ptr<StreamHandle> handle, std::unique_ptr<HostStream> queue)
      : handle_(std::move(handle)), queue_(std::move(queue)) {}

  void Enqueue(Task task) override { queue_->Enqueue(std::move(task)); }
  void Synchronize() override { queue_->Synchronize(); }
  // Tasks take a handle of their own, for the stream may be destroyed from one of them.
  const std::shared_ptr<StreamHandle>& handle() const { return handle_; }

 private:
  const std::shared_ptr<StreamHandle> handle_;
  const std::unique_ptr<HostStream> queue_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_STREAM_H_
