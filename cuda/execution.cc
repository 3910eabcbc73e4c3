// Tested by tests/cuda/device/execution_test.cc.
#include "cuda/execution.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/denormals.h"
#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/enqueue_step.h"
#include "cuda/memory.h"

namespace moulin::cuda {
namespace {

// How long a run is polled for before its thread sleeps: short runs are answered without the cost of waking up.
constexpr std::chrono::microseconds kPollTime(100);
// How often a run with loops is looked at, and whether it is still wanted, once it has been polled.
constexpr std::chrono::microseconds kWatchTime(200);

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

bool IsOfRequest(const Buffer& buffer) {
  return buffer.kind == BufferKind::kInput || buffer.kind == BufferKind::kOutput;
}

// For each buffer of the request that a copy to or from the device touches: its place in pinned memory behind the
// host's arena; -1 for others. The last entry is the size of all.
std::vector<int64_t> LayOutStaging(const Plan& plan) {
  std::vector<int64_t> offsets(plan.buffers.size() + 1, -1);
  int64_t end = RoundUp(plan.arena_bytes, kMemoryAlignment);
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::kCopy || !IsDeviceStep(plan, step)) continue;
    for (BufferId b : {step.reads[0], step.writes[0]}) {
      if (!IsOfRequest(plan.buffers[b]) || offsets[b] >= 0) continue;
      offsets[b] = end;
      end += RoundUp(plan.buffers[b].bytes, kMemoryAlignment);
    }
  }
  offsets.back() = end;
  return offsets;
}

// Whether it has a loop, or a choice or loop that has one.
bool HasLoops(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
    if (step.kind != StepKind::kLaunch) return false;
    const std::vector<const Plan*> regions = step.kernel->regions();
    if (!regions.empty() && plan.graph->node(step.node).kind == OpKind::kWhile) return true;
    return std::any_of(regions.begin(), regions.end(), [](const Plan* region) { return HasLoops(*region); });
  });
}

}  // namespace

StatusOr<std::unique_ptr<CudaExecution>> CudaExecution::Make(std::shared_ptr<CudaExecutable> executable) {
  const CudaContext& context = executable->context();
  const Plan& plan = executable->plan();
  MOULIN_RETURN_IF_ERROR(context.health->status());
  MOULIN_ASSIGN_OR_RETURN(MemoryBlock arena, context.memory->AllocateOnDevice(plan.device_arena_bytes, "an arena"));
  const std::vector<int64_t> staging = LayOutStaging(plan);
  MOULIN_ASSIGN_OR_RETURN(MemoryBlock pinned,
                          context.memory->AllocatePinned(staging.back(), "staging and the host's arena"));
  std::unique_ptr<EventHandle> started;
  if (context.measure_time) {
    MOULIN_ASSIGN_OR_RETURN(started, EventHandle::Create(*context.api, 0));
  }
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<EventHandle> finished,
                          EventHandle::Create(*context.api, context.measure_time ? 0 : cudaEventDisableTiming));
  std::unique_ptr<CudaExecution> execution(new CudaExecution(std::move(executable), std::move(arena), std::move(pinned),
                                                             std::move(started), std::move(finished)));
  MOULIN_RETURN_IF_ERROR(execution->Prepare(staging));
  return execution;
}

CudaExecution::CudaExecution(std::shared_ptr<CudaExecutable> executable, MemoryBlock arena, MemoryBlock pinned,
                             std::unique_ptr<EventHandle> started, std::unique_ptr<EventHandle> finished)
    : executable_(std::move(executable)),
      plan_(executable_->plan()),
      api_(*executable_->context().api),
      arena_(std::move(arena)),
      pinned_(std::move(pinned)),
      started_(std::move(started)),
      finished_(std::move(finished)),
      runner_(plan_, pinned_) {}

Status CudaExecution::Prepare(const std::vector<int64_t>& offsets) {
  bytes_ = plan_.device_arena_bytes + offsets.back();
  if (pinned_ != nullptr) std::memset(pinned_.get(), 0, static_cast<size_t>(offsets.back()));
  for (size_t b = 0; b < plan_.buffers.size(); ++b) {
    staging_.push_back(offsets[b] < 0 ? nullptr : static_cast<char*>(pinned_.get()) + offsets[b]);
  }
  if (HasLoops(plan_)) {
    MOULIN_ASSIGN_OR_RETURN(stop_memory_, executable_->context().memory->AllocatePinned(sizeof(*stop_), "a flag"));
    stop_ = static_cast<int32_t*>(stop_memory_.get());
    SetStop(0);
  }
  for (Segment& segment : CutIntoSegments(plan_)) {
    ReadySegment ready;
    ready.segment = std::move(segment);
    if (ready.segment.on_device) MOULIN_RETURN_IF_ERROR(PrepareSegment(&ready));
    segments_.push_back(std::move(ready));
  }
  return absl::OkStatus();
}

Status CudaExecution::PrepareSegment(ReadySegment* ready) {
  for (int s : ready->segment.steps) {
    const Step& step = plan_.steps[s];
    if (step.kind != StepKind::kCopy) continue;
    const BufferId from = step.reads[0], to = step.writes[0];
    const auto staged = [&](BufferId b) { return Staged{b, staging_[b], static_cast<size_t>(plan_.buffers[b].bytes)}; };
    if (plan_.buffers[from].kind == BufferKind::kInput) ready->uploads.push_back(staged(from));
    if (plan_.buffers[to].kind == BufferKind::kOutput) ready->downloads.push_back(staged(to));
  }
  MOULIN_RETURN_IF_ERROR(WarmUp(ready->segment.steps));
  MOULIN_ASSIGN_OR_RETURN(ready->graph,
                          CapturedGraph::Capture(
                              api_, plan_, ready->segment.steps,
                              [this](const Step& step, cudaStream_t stream) { return Enqueue(step, stream); },
                              executable_->context().green));
  return absl::OkStatus();
}

// Runs the steps once, one after another, on zeros: what libraries and the driver load, compile or allocate at first
// use is done before the steps are recorded, where it might not be allowed; and a step that fails is found here.
Status CudaExecution::WarmUp(const std::vector<int>& steps) const {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<StreamHandle> stream,
                          StreamHandle::Create(api_, 0, executable_->context().green));
  const Status enqueued = EnqueueOnZeros(steps, stream->get());
  // Also where a step has failed: those before it use memory that is given back then.
  const Status done =
      executable_->context().health->Check(api_.StreamSynchronize(stream->get()), "running a plan for the first time");
  return enqueued.ok() ? done : enqueued;
}

Status CudaExecution::EnqueueOnZeros(const std::vector<int>& steps, cudaStream_t stream) const {
  if (const size_t bytes = static_cast<size_t>(plan_.device_arena_bytes); bytes > 0) {
    MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.MemsetAsync(arena_.get(), 0, bytes, stream), "clearing an arena"));
  }
  for (int s : steps) {
    const Step& step = plan_.steps[s];
    const bool is_work = step.kind == StepKind::kLaunch || step.kind == StepKind::kCopy;
    if (is_work) MOULIN_RETURN_IF_ERROR(Enqueue(step, stream));
  }
  return absl::OkStatus();
}

Status CudaExecution::Enqueue(const Step& step, cudaStream_t stream) const {
  return EnqueueStep(
      api_, plan_, step, [this](BufferId b) { return Address(b); }, stop_, stream);
}

StatusOr<void*> CudaExecution::Address(BufferId buffer) const {
  const Buffer& b = plan_.buffers[buffer];
  if (IsOfRequest(b)) return static_cast<void*>(staging_[buffer]);
  if (b.kind == BufferKind::kConstant) {
    MOULIN_ASSIGN_OR_RETURN(const void* address, executable_->ConstantAddress(buffer));
    return const_cast<void*>(address);  // read only: VerifyPlan refuses plans that write constants
  }
  char* const arena = static_cast<char*>(b.space == MemorySpace::kDevice ? arena_.get() : pinned_.get());
  return static_cast<void*>(arena + b.offset);
}

void CudaExecution::Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) {
  done_ = std::move(done);
  device_ms_ = 0;
  step_times_.clear();
  stopped_ = absl::OkStatus();
  SetStop(0);
  begun_ = executable_->context().health->status();
  if (begun_.ok()) begun_ = runner_.Begin(std::move(inputs));
  auto* const stream = static_cast<CudaStream*>(lanes[0]);
  stream->Enqueue([this, handle = stream->handle()]() mutable { Run(std::move(handle)); });
}

void CudaExecution::Run(std::shared_ptr<StreamHandle> stream) {
  const Status status = begun_.ok() ? RunSegments(stream->get()) : begun_;
  stream.reset();  // the callback may destroy the stream and the engine; nothing of the device is used behind it
  StatusOr<Outputs> result = status.ok() ? StatusOr<Outputs>(runner_.CollectOutputs()) : StatusOr<Outputs>(status);
  runner_.End();
  // The callback may launch this execution anew, or destroy it.
  const LaunchCallback done = std::exchange(done_, nullptr);
  done(std::move(result));
}

Status CudaExecution::RunSegments(cudaStream_t stream) {
  for (const ReadySegment& ready : segments_) {
    MOULIN_RETURN_IF_ERROR(ready.segment.on_device ? RunOnDevice(ready, stream) : RunOnHost(ready));
  }
  return absl::OkStatus();
}

Status CudaExecution::RunOnHost(const ReadySegment& ready) {
  const FlushDenormals flush;
  for (int step : ready.segment.steps) {
    const int64_t start_ns = step_clock_ == nullptr ? 0 : NowNs();
    MOULIN_RETURN_IF_ERROR(runner_.Run(step));
    if (step_clock_ != nullptr) step_times_.push_back({step, start_ns, NowNs()});
  }
  return absl::OkStatus();
}

bool CudaExecution::MeasureSteps() {
  StatusOr<std::unique_ptr<StepClock>> clock = StepClock::Make(
      api_, plan_, [this](const Step& step, cudaStream_t stream) { return Enqueue(step, stream); },
      executable_->context().green);
  if (clock.ok()) step_clock_ = *std::move(clock);
  return step_clock_ != nullptr;
}

Status CudaExecution::LaunchSegment(const ReadySegment& ready, cudaStream_t stream) {
  if (step_clock_ != nullptr) return step_clock_->Enqueue(ready.segment.steps, stream);
  return executable_->context().health->Check(ready.graph->Launch(stream), "launching a plan's graph");
}

Status CudaExecution::RunOnDevice(const ReadySegment& ready, cudaStream_t stream) {
  for (const Staged& staged : ready.uploads) {
    if (staged.bytes > 0) std::memcpy(staged.memory, runner_.BufferTensor(staged.buffer).data(), staged.bytes);
  }
  DeviceHealth& health = *executable_->context().health;
  if (started_ != nullptr) {
    MOULIN_RETURN_IF_ERROR(health.Check(api_.EventRecord(started_->get(), stream), "recording an event"));
  }
  MOULIN_RETURN_IF_ERROR(LaunchSegment(ready, stream));
  MOULIN_RETURN_IF_ERROR(WaitFor(stream));
  MOULIN_RETURN_IF_ERROR(AddTime());
  if (step_clock_ != nullptr) {
    MOULIN_RETURN_IF_ERROR(step_clock_->Collect(ready.segment.steps, NowNs(), &step_times_));
  }
  for (const Staged& staged : ready.downloads) {
    if (staged.bytes > 0) std::memcpy(runner_.OutputData(staged.buffer), staged.memory, staged.bytes);
  }
  return absl::OkStatus();
}

Status CudaExecution::AddTime() {
  if (started_ == nullptr) return absl::OkStatus();
  float milliseconds = 0;
  MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventElapsedTime(&milliseconds, started_->get(), finished_->get()),
                                  "measuring the time of a run"));
  device_ms_ += milliseconds;
  return absl::OkStatus();
}

Status CudaExecution::WaitFor(cudaStream_t stream) {
  DeviceHealth& health = *executable_->context().health;
  MOULIN_RETURN_IF_ERROR(health.Check(api_.EventRecord(finished_->get(), stream), "recording an event"));
  const auto give_up = std::chrono::steady_clock::now() + kPollTime;
  cudaError_t error = api_.EventQuery(finished_->get());
  while (error == cudaErrorNotReady && std::chrono::steady_clock::now() < give_up) {
    error = api_.EventQuery(finished_->get());
  }
  if (error == cudaErrorNotReady) error = stop_ == nullptr ? api_.EventSynchronize(finished_->get()) : Watch();
  MOULIN_RETURN_IF_ERROR(health.Check(error, "running a plan on the GPU"));
  return stopped_;
}

// Waits, and ends the loops of the run when it is not wanted any more.
cudaError_t CudaExecution::Watch() {
  for (;;) {
    const cudaError_t error = api_.EventQuery(finished_->get());
    if (error != cudaErrorNotReady) return error;
    if (stopped_.ok() && is_wanted_ != nullptr) stopped_ = is_wanted_();
    if (!stopped_.ok()) SetStop(1);
    std::this_thread::sleep_for(kWatchTime);
  }
}

void CudaExecution::SetStop(int32_t value) {
  if (stop_ != nullptr) std::atomic_ref<int32_t>(*stop_).store(value, std::memory_order_relaxed);
}

}  // namespace moulin::cuda
