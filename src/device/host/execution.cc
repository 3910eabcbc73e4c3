// Tested by tests/device/execution_test.cc.
#include "device/host/execution.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "base/denormals.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

constexpr size_t kAlignment = 64;

StatusOr<std::shared_ptr<void>> AllocateArena(int64_t bytes) {
  const size_t rounded = (static_cast<size_t>(std::max<int64_t>(bytes, 1)) + kAlignment - 1) / kAlignment * kAlignment;
  void* block = std::aligned_alloc(kAlignment, rounded);
  if (block == nullptr) return MakeError(ErrorCode::kMemory, "cannot allocate an arena of ", bytes, " bytes");
  return std::shared_ptr<void>(block, std::free);
}

// `t` as a value of this type: the same elements, under the value's shape where that is known.
Tensor AsValue(const Tensor& t, const TensorType& type) {
  return type.shape.IsFullyKnown() ? t.Reinterpreted(type.dtype, type.shape.ToShape()) : t;
}

}  // namespace

StatusOr<std::unique_ptr<HostExecution>> HostExecution::Make(const Plan& plan, std::shared_ptr<const void> keep_alive) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<void> arena, AllocateArena(plan.arena_bytes));
  return std::unique_ptr<HostExecution>(new HostExecution(plan, std::move(keep_alive), std::move(arena)));
}

HostExecution::HostExecution(const Plan& plan, std::shared_ptr<const void> keep_alive, std::shared_ptr<void> arena)
    : plan_(plan), keep_alive_(std::move(keep_alive)), arena_(std::move(arena)), lanes_(plan.num_lanes) {
  for (const Step& step : plan.steps) lanes_[step.lane].push_back(MakeReady(step));
  for (int i = 0; i < plan.num_events; ++i) events_.push_back(std::make_unique<HostEvent>());
  buffers_.resize(plan.buffers.size());
}

bool HostExecution::IsBoundAtRun(BufferId buffer) const {
  const BufferKind kind = plan_.buffers[buffer].kind;
  return kind != BufferKind::kArena && kind != BufferKind::kConstant;
}

void* HostExecution::ArenaAt(BufferId buffer) const {
  return static_cast<char*>(arena_.get()) + plan_.buffers[buffer].offset;
}

HostExecution::ReadyStep HostExecution::MakeReady(const Step& step) const {
  ReadyStep ready;
  ready.step = &step;
  if (step.kind != StepKind::kLaunch) return ready;
  ready.kernel = static_cast<const HostKernel*>(step.kernel.get());
  const Graph& graph = *plan_.graph;
  const auto add = [&](ValueId v, BufferId b, std::vector<Tensor>* tensors, std::vector<Binding>* bindings) {
    const Value& value = graph.value(v);
    Tensor t;
    if (IsBoundAtRun(b)) {
      bindings->push_back({static_cast<int>(tensors->size()), b, v});
    } else if (plan_.buffers[b].kind == BufferKind::kConstant) {
      // A view of a constant is the constant's elements under the view's type.
      t = AsValue(graph.value(plan_.buffers[b].value).constant, value.type);
    } else {
      t = Tensor::Borrow(value.type.dtype, value.type.shape.ToShape(), arena_, ArenaAt(b));
    }
    tensors->push_back(std::move(t));
  };
  const Node& node = graph.node(step.node);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    add(node.inputs[i], step.reads[i], &ready.inputs, &ready.bound_inputs);
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    add(node.outputs[i], step.writes[i], &ready.outputs, &ready.bound_outputs);
  }
  if (step.workspace != kNoId) ready.workspace = ArenaAt(step.workspace);
  return ready;
}

const Tensor& HostExecution::BufferTensor(BufferId buffer) const {
  const Buffer& b = plan_.buffers[buffer];
  if (b.kind == BufferKind::kInput) return inputs_[b.index];
  if (b.kind == BufferKind::kConstant) return plan_.graph->value(b.value).constant;
  return buffers_[buffer];
}

void HostExecution::Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) {
  ++run_;
  inputs_ = std::move(inputs);
  done_ = std::move(done);
  error_ = absl::OkStatus();
  if (inputs_.size() != plan_.graph->inputs().size()) {
    error_ = MakeError(ErrorCode::kInternal, "a plan with ", plan_.graph->inputs().size(), " inputs was given ",
                       inputs_.size());
  } else {
    error_ = AllocateOutputs();
  }
  failed_.store(!error_.ok(), std::memory_order_relaxed);
  lanes_left_.store(plan_.num_lanes, std::memory_order_relaxed);
  // Lane 0 last: where it is a CallerStream, it works off its steps at once, and may wait for the others. Nothing of
  // this object may be touched after that, for the callback may have destroyed it.
  for (int lane = plan_.num_lanes - 1; lane >= 0; --lane) {
    static_cast<HostStream*>(lanes[lane])->Enqueue([this, lane] { RunLane(lane); });
  }
}

Status HostExecution::AllocateOutputs() {
  for (size_t i = 0; i < plan_.output_buffers.size(); ++i) {
    const BufferId b = plan_.output_buffers[i];
    if (plan_.buffers[b].kind != BufferKind::kOutput) continue;
    const TensorType& type = plan_.graph->value(plan_.graph->outputs()[i].value).type;
    MOULIN_ASSIGN_OR_RETURN(buffers_[b], Tensor::AllocateUninitialized(type.dtype, type.shape.ToShape()));
  }
  return absl::OkStatus();
}

void HostExecution::RunLane(int lane) {
  RunSteps(lanes_[lane]);
  if (lanes_left_.fetch_sub(1, std::memory_order_acq_rel) == 1) Finish();
}

void HostExecution::RunSteps(std::vector<ReadyStep>& steps) {
  const FlushDenormals flush;
  for (ReadyStep& ready : steps) {
    const Step& step = *ready.step;
    // Events are passed even in a run that has failed, for other lanes may wait for them.
    if (step.kind == StepKind::kRecord) {
      events_[step.event]->Signal(run_);
    } else if (step.kind == StepKind::kWait) {
      events_[step.event]->Wait(run_);
    } else if (!failed_.load(std::memory_order_relaxed)) {
      Status status = RunStep(ready);
      if (!status.ok()) Fail(step, std::move(status));
    }
  }
}

Status HostExecution::RunStep(ReadyStep& ready) {
  // Kernels do not throw, but what they call may where memory is short.
  try {
    return ready.step->kind == StepKind::kCopy ? RunCopy(*ready.step) : RunLaunch(ready);
  } catch (const std::bad_alloc&) {
    return MakeError(ErrorCode::kMemory, "the kernel ran out of memory");
  } catch (const std::exception& e) {
    return MakeError(ErrorCode::kInternal, "the kernel failed: ", e.what());
  }
}

Status HostExecution::RunLaunch(ReadyStep& ready) {
  Bind(ready);
  Status status = ready.kernel->Run(ready.inputs, absl::MakeSpan(ready.outputs), ready.workspace);
  const Status released = Release(ready);
  return status.ok() ? released : status;
}

void HostExecution::Bind(ReadyStep& ready) const {
  for (const Binding& b : ready.bound_inputs) {
    ready.inputs[b.index] = AsValue(BufferTensor(b.buffer), plan_.graph->value(b.value).type);
  }
  for (const Binding& b : ready.bound_outputs) {
    if (plan_.buffers[b.buffer].kind == BufferKind::kOutput) {
      ready.outputs[b.index] = AsValue(buffers_[b.buffer], plan_.graph->value(b.value).type);
    }
  }
}

Status HostExecution::Release(ReadyStep& ready) {
  for (const Binding& b : ready.bound_inputs) ready.inputs[b.index] = Tensor();
  Status status;
  for (const Binding& b : ready.bound_outputs) {
    Tensor result = std::exchange(ready.outputs[b.index], Tensor());
    if (plan_.buffers[b.buffer].kind != BufferKind::kOwned) continue;
    const TensorType& type = plan_.graph->value(b.value).type;
    if (result.dtype() != type.dtype || !type.shape.Accepts(result.shape())) {
      status = MakeError(ErrorCode::kInternal, "output ", b.index, " should be ", type.ToString(), ", the kernel gave ",
                         result.ToString(0));
    }
    buffers_[b.buffer] = std::move(result);
  }
  return status;
}

Status HostExecution::RunCopy(const Step& step) {
  const Tensor& from = BufferTensor(step.reads[0]);
  Tensor& to = buffers_[step.writes[0]];
  if (plan_.buffers[step.writes[0]].kind == BufferKind::kOwned) {
    MOULIN_ASSIGN_OR_RETURN(to, from.Clone());
  } else if (from.byte_size() > 0) {
    std::memcpy(to.mutable_data(), from.data(), from.byte_size());
  }
  return absl::OkStatus();
}

void HostExecution::Fail(const Step& step, Status status) {
  std::lock_guard<std::mutex> lock(error_mutex_);
  if (failed_.load(std::memory_order_relaxed)) return;
  if (step.kind == StepKind::kLaunch) {
    const Node& node = plan_.graph->node(step.node);
    status = AtNode(status, node.name, node.tf_op.empty() ? Name(node.kind) : node.tf_op);
  }
  error_ = std::move(status);
  failed_.store(true, std::memory_order_relaxed);
}

Outputs HostExecution::CollectOutputs() const {
  Outputs outputs;
  outputs.reserve(plan_.output_buffers.size());
  for (size_t i = 0; i < plan_.output_buffers.size(); ++i) {
    outputs.push_back(
        AsValue(buffers_[plan_.output_buffers[i]], plan_.graph->value(plan_.graph->outputs()[i].value).type));
  }
  return outputs;
}

void HostExecution::Finish() {
  StatusOr<Outputs> result = error_.ok() ? StatusOr<Outputs>(CollectOutputs()) : StatusOr<Outputs>(error_);
  inputs_.clear();
  for (Tensor& t : buffers_) t = Tensor();
  // The callback may launch this execution anew, or destroy it.
  const LaunchCallback done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace moulin
