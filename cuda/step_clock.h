// When the steps of a plan run on the device.
#ifndef MOULIN_CUDA_STEP_CLOCK_H_
#define MOULIN_CUDA_STEP_CLOCK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/captured_graph.h"
#include "cuda/stream.h"
#include "device/device.h"
#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin::cuda {

// An event in front of each step and one behind it. So steps are enqueued one by one instead of launched as one graph,
// and run one after another on one stream: their times are theirs alone. Choices and loops are graphs of their own.
class StepClock {
 public:
  // `enqueue` and `green` as of CapturedGraph::Capture.
  static StatusOr<std::unique_ptr<StepClock>> Make(const CudaApi& api, const Plan& plan,
                                                   CapturedGraph::EnqueueStep enqueue,
                                                   std::shared_ptr<const GreenContext> green);

  // Enqueues these steps, of the device, on `stream`.
  Status Enqueue(const std::vector<int>& steps, cudaStream_t stream);
  // Appends the times of these steps, which have run; the last one has ended by `now_ns`, of the steady clock.
  Status Collect(const std::vector<int>& steps, int64_t now_ns, std::vector<StepTime>* times) const;

 private:
  struct TimedStep {
    std::unique_ptr<EventHandle> start, end;  // null for events of the plan, and for steps of the host
    std::unique_ptr<CapturedGraph> graph;     // of a choice or a loop
  };
  StepClock(const CudaApi& api, const Plan& plan, CapturedGraph::EnqueueStep enqueue)
      : api_(api), plan_(plan), enqueue_(std::move(enqueue)), steps_(plan.steps.size()) {}
  Status EnqueueStep(int step, cudaStream_t stream);
  // Nanoseconds between two events.
  StatusOr<int64_t> Between(const EventHandle& from, const EventHandle& to) const;

  const CudaApi& api_;
  const Plan& plan_;
  const CapturedGraph::EnqueueStep enqueue_;
  std::vector<TimedStep> steps_;  // per step of the plan
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_STEP_CLOCK_H_
