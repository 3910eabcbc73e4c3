// Tested by tests/device/execution_test.cc.
#include "device/host/execution.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/denormals.h"
#include "base/errors.h"
#include "base/math.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

constexpr size_t kAlignment = 64;

StatusOr<std::shared_ptr<void>> AllocateArena(int64_t bytes) {
  void* block = std::aligned_alloc(kAlignment, static_cast<size_t>(RoundUp(std::max<int64_t>(bytes, 1), kAlignment)));
  if (block == nullptr) return MakeError(ErrorCode::kMemory, "cannot allocate an arena of ", bytes, " bytes");
  return std::shared_ptr<void>(block, std::free);
}

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

StatusOr<std::unique_ptr<HostExecution>> HostExecution::Make(const Plan& plan, std::shared_ptr<const void> keep_alive) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<void> arena, AllocateArena(plan.arena_bytes));
  return std::unique_ptr<HostExecution>(new HostExecution(plan, std::move(keep_alive), std::move(arena)));
}

HostExecution::HostExecution(const Plan& plan, std::shared_ptr<const void> keep_alive, std::shared_ptr<void> arena)
    : plan_(plan), keep_alive_(std::move(keep_alive)), runner_(plan, std::move(arena)), lanes_(plan.num_lanes) {
  for (size_t s = 0; s < plan.steps.size(); ++s) lanes_[plan.steps[s].lane].push_back(static_cast<int>(s));
  for (int i = 0; i < plan.num_events; ++i) events_.push_back(std::make_unique<HostEvent>());
}

bool HostExecution::MeasureSteps() {
  measures_ = true;
  times_.resize(plan_.steps.size());
  for (size_t s = 0; s < times_.size(); ++s) times_[s].step = static_cast<int>(s);
  return true;
}

std::vector<StepTime> HostExecution::step_times() const {
  std::vector<StepTime> measured;
  for (const StepTime& time : times_) {
    if (time.end_ns > 0) measured.push_back(time);
  }
  return measured;
}

void HostExecution::Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) {
  ++run_;
  done_ = std::move(done);
  error_ = runner_.Begin(std::move(inputs));
  failed_.store(!error_.ok(), std::memory_order_relaxed);
  lanes_left_.store(plan_.num_lanes, std::memory_order_relaxed);
  // Lane 0 last: where it is a CallerStream, it works off its steps at once, and may wait for the others. Nothing of
  // this object may be touched after that, for the callback may have destroyed it.
  for (int lane = plan_.num_lanes - 1; lane >= 0; --lane) {
    static_cast<HostStream*>(lanes[lane])->Enqueue([this, lane] { RunLane(lane); });
  }
}

void HostExecution::RunLane(int lane) {
  RunSteps(lanes_[lane]);
  if (lanes_left_.fetch_sub(1, std::memory_order_acq_rel) == 1) Finish();
}

void HostExecution::RunSteps(const std::vector<int>& steps) {
  const FlushDenormals flush;
  for (int s : steps) {
    const Step& step = plan_.steps[s];
    // Events are passed even in a run that has failed, for other lanes may wait for them.
    if (step.kind == StepKind::kRecord) {
      events_[step.event]->Signal(run_);
    } else if (step.kind == StepKind::kWait) {
      events_[step.event]->Wait(run_);
    } else if (!failed_.load(std::memory_order_relaxed)) {
      if (measures_) times_[s].start_ns = NowNs();
      Status status = runner_.Run(s);
      if (measures_) times_[s].end_ns = NowNs();
      if (!status.ok()) Fail(std::move(status));
    }
  }
}

void HostExecution::Fail(Status status) {
  std::lock_guard<std::mutex> lock(error_mutex_);
  if (failed_.load(std::memory_order_relaxed)) return;
  error_ = std::move(status);
  failed_.store(true, std::memory_order_relaxed);
}

void HostExecution::Finish() {
  StatusOr<Outputs> result = error_.ok() ? StatusOr<Outputs>(runner_.CollectOutputs()) : StatusOr<Outputs>(error_);
  runner_.End();
  // The callback may launch this execution anew, or destroy it.
  const LaunchCallback done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace moulin
