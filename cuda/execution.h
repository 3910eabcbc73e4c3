// A slot that runs a plan on the GPU: its arena, its pinned memory, its graphs.
#ifndef MOULIN_CUDA_EXECUTION_H_
#define MOULIN_CUDA_EXECUTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/captured_graph.h"
#include "cuda/executable.h"
#include "cuda/memory.h"
#include "cuda/segments.h"
#include "cuda/step_clock.h"
#include "cuda/stream.h"
#include "device/device.h"
#include "device/host/step_runner.h"

namespace moulin::cuda {

// Everything is allocated, run once and recorded when it is made. A run allocates nothing but the tensors of the
// results, and waits for nothing but the end of each graph: once a request, and once more for each part that the host
// has in it.
class CudaExecution : public Execution {
 public:
  // RESOURCE_EXHAUSTED where memory is short; errors of launching name the node.
  static StatusOr<std::unique_ptr<CudaExecution>> Make(std::shared_ptr<CudaExecutable> executable);

  // Runs on lane 0 alone: the graph has the plan's lanes in it.
  void Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) override;
  int64_t bytes() const override { return bytes_; }
  double device_ms() const override { return device_ms_; }
  bool MeasureSteps() override;
  std::vector<StepTime> step_times() const override { return step_times_; }
  void StopUnless(std::function<Status()> is_wanted) override { is_wanted_ = std::move(is_wanted); }

 private:
  // A tensor of the request, and the pinned memory that the graph copies it from or to.
  struct Staged {
    BufferId buffer;
    char* memory;
    size_t bytes;
  };
  struct ReadySegment {
    Segment segment;
    std::unique_ptr<CapturedGraph> graph;  // of a segment on the device
    std::vector<Staged> uploads, downloads;
  };

  CudaExecution(std::shared_ptr<CudaExecutable> executable, MemoryBlock arena, MemoryBlock pinned,
                std::unique_ptr<EventHandle> started, std::unique_ptr<EventHandle> finished);
  // `offsets` of the staged buffers in pinned memory, and its size.
  Status Prepare(const std::vector<int64_t>& offsets);
  Status PrepareSegment(ReadySegment* ready);
  Status WarmUp(const std::vector<int>& steps) const;
  Status EnqueueOnZeros(const std::vector<int>& steps, cudaStream_t stream) const;
  Status Enqueue(const Step& step, cudaStream_t stream) const;
  // Where the device's code finds a buffer, or copies find it on the host.
  StatusOr<void*> Address(BufferId buffer) const;

  void Run(std::shared_ptr<StreamHandle> stream);
  Status RunSegments(cudaStream_t stream);
  Status RunOnHost(const ReadySegment& ready);
  Status RunOnDevice(const ReadySegment& ready, cudaStream_t stream);
  Status LaunchSegment(const ReadySegment& ready, cudaStream_t stream);
  Status WaitFor(cudaStream_t stream);
  cudaError_t Watch();
  void SetStop(int32_t value);
  Status AddTime();

  const std::shared_ptr<CudaExecutable> executable_;
  const Plan& plan_;
  const CudaApi& api_;
  const MemoryBlock arena_;
  const MemoryBlock pinned_;                    // the host's arena, then the staged tensors
  const std::unique_ptr<EventHandle> started_;  // null where time is not measured
  const std::unique_ptr<EventHandle> finished_;
  int64_t bytes_ = 0;
  MemoryBlock stop_memory_;  // null where the plan has no loops
  int32_t* stop_ = nullptr;  // LaunchContext::stop
  StepRunner runner_;
  std::vector<char*> staging_;  // per buffer: of inputs and outputs that are copied; else null
  std::vector<ReadySegment> segments_;
  std::unique_ptr<StepClock> step_clock_;  // null where steps are not measured

  // Of the run in flight.
  Status begun_;
  std::function<Status()> is_wanted_;  // may be null
  Status stopped_;                     // why its loops have been ended
  double device_ms_ = 0;
  std::vector<StepTime> step_times_;
  LaunchCallback done_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_EXECUTION_H_
