// Tested by tests/cuda/device/step_clock_test.cc.
#include "cuda/step_clock.h"

#include <utility>

#include "base/status_macros.h"
#include "cuda/segments.h"

namespace moulin::cuda {

StatusOr<std::unique_ptr<StepClock>> StepClock::Make(const CudaApi& api, const Plan& plan,
                                                     CapturedGraph::EnqueueStep enqueue,
                                                     std::shared_ptr<const GreenContext> green) {
  std::unique_ptr<StepClock> clock(new StepClock(api, plan, std::move(enqueue)));
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    if (step.kind == StepKind::kRecord || step.kind == StepKind::kWait || !IsDeviceStep(plan, step)) continue;
    TimedStep& timed = clock->steps_[s];
    MOULIN_ASSIGN_OR_RETURN(timed.start, EventHandle::Create(api, 0));
    MOULIN_ASSIGN_OR_RETURN(timed.end, EventHandle::Create(api, 0));
    if (step.kind != StepKind::kLaunch || step.kernel->regions().empty()) continue;
    MOULIN_ASSIGN_OR_RETURN(timed.graph,
                            CapturedGraph::Capture(api, plan, {static_cast<int>(s)}, clock->enqueue_, green));
  }
  return clock;
}

Status StepClock::Enqueue(const std::vector<int>& steps, cudaStream_t stream) {
  for (const int s : steps) {
    if (steps_[s].start == nullptr) continue;
    MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventRecord(steps_[s].start->get(), stream), "recording an event"));
    MOULIN_RETURN_IF_ERROR(EnqueueStep(s, stream));
    MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventRecord(steps_[s].end->get(), stream), "recording an event"));
  }
  return absl::OkStatus();
}

Status StepClock::EnqueueStep(int step, cudaStream_t stream) {
  const std::unique_ptr<CapturedGraph>& graph = steps_[step].graph;
  if (graph == nullptr) return enqueue_(plan_.steps[step], stream);
  return ToStatus(api_, graph->Launch(stream), "launching the graph of a step");
}

Status StepClock::Collect(const std::vector<int>& steps, int64_t now_ns, std::vector<StepTime>* times) const {
  const EventHandle* last = nullptr;
  for (const int s : steps) {
    if (steps_[s].end != nullptr) last = steps_[s].end.get();
  }
  for (const int s : steps) {
    if (steps_[s].start == nullptr) continue;
    MOULIN_ASSIGN_OR_RETURN(const int64_t before_last, Between(*steps_[s].start, *last));
    MOULIN_ASSIGN_OR_RETURN(const int64_t duration, Between(*steps_[s].start, *steps_[s].end));
    times->push_back({s, now_ns - before_last, now_ns - before_last + duration});
  }
  return absl::OkStatus();
}

StatusOr<int64_t> StepClock::Between(const EventHandle& from, const EventHandle& to) const {
  float milliseconds = 0;
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api_, api_.EventElapsedTime(&milliseconds, from.get(), to.get()), "measuring the time of a step"));
  return static_cast<int64_t>(1e6 * static_cast<double>(milliseconds));
}

}  // namespace moulin::cuda
