// Tested by tests/device/execution_test.cc.
#include "device/host/step_runner.h"

#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

// `t` as a value of this type: the same elements, under the value's shape where that is known.
Tensor AsValue(const Tensor& t, const TensorType& type) {
  return type.shape.IsFullyKnown() ? t.Reinterpreted(type.dtype, type.shape.ToShape()) : t;
}

}  // namespace

StepRunner::StepRunner(const Plan& plan, std::shared_ptr<void> arena) : plan_(plan), arena_(std::move(arena)) {
  for (const Step& step : plan.steps) steps_.push_back(MakeReady(step));
  buffers_.resize(plan.buffers.size());
}

bool StepRunner::IsBoundAtRun(BufferId buffer) const {
  const BufferKind kind = plan_.buffers[buffer].kind;
  return kind != BufferKind::kArena && kind != BufferKind::kConstant;
}

void* StepRunner::ArenaAt(BufferId buffer) const {
  return static_cast<char*>(arena_.get()) + plan_.buffers[buffer].offset;
}

StepRunner::ReadyStep StepRunner::MakeReady(const Step& step) const {
  ReadyStep ready;
  if (step.kind != StepKind::kLaunch || step.kernel->space() != MemorySpace::kHost) return ready;
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

const Tensor& StepRunner::BufferTensor(BufferId buffer) const {
  const Buffer& b = plan_.buffers[buffer];
  if (b.kind == BufferKind::kInput) return inputs_[b.index];
  if (b.kind == BufferKind::kConstant) return plan_.graph->value(b.value).constant;
  return buffers_[buffer];
}

Status StepRunner::Begin(std::vector<Tensor> inputs) {
  inputs_ = std::move(inputs);
  if (inputs_.size() != plan_.graph->inputs().size()) {
    return MakeError(ErrorCode::kInternal, "a plan with ", plan_.graph->inputs().size(), " inputs was given ",
                     inputs_.size());
  }
  for (size_t i = 0; i < plan_.output_buffers.size(); ++i) {
    const BufferId b = plan_.output_buffers[i];
    if (plan_.buffers[b].kind != BufferKind::kOutput) continue;
    const TensorType& type = plan_.graph->value(plan_.graph->outputs()[i].value).type;
    MOULIN_ASSIGN_OR_RETURN(buffers_[b], Tensor::AllocateUninitialized(type.dtype, type.shape.ToShape()));
  }
  return absl::OkStatus();
}

Status StepRunner::Run(int index) {
  const Step& step = plan_.steps[index];
  Status status;
  // Kernels do not throw, but what they call may where memory is short.
  try {
    status = step.kind == StepKind::kCopy ? RunCopy(step) : RunLaunch(steps_[index]);
  } catch (const std::bad_alloc&) {
    status = MakeError(ErrorCode::kMemory, "the kernel ran out of memory");
  } catch (const std::exception& e) {
    status = MakeError(ErrorCode::kInternal, "the kernel failed: ", e.what());
  }
  if (status.ok() || step.kind != StepKind::kLaunch) return status;
  const Node& node = plan_.graph->node(step.node);
  return AtNode(status, node.name, node.tf_op.empty() ? Name(node.kind) : node.tf_op);
}

Status StepRunner::RunLaunch(ReadyStep& ready) {
  Bind(ready);
  Status status = ready.kernel->Run(ready.inputs, absl::MakeSpan(ready.outputs), ready.workspace);
  const Status released = Release(ready);
  return status.ok() ? released : status;
}

void StepRunner::Bind(ReadyStep& ready) const {
  for (const Binding& b : ready.bound_inputs) {
    ready.inputs[b.index] = AsValue(BufferTensor(b.buffer), plan_.graph->value(b.value).type);
  }
  for (const Binding& b : ready.bound_outputs) {
    if (plan_.buffers[b.buffer].kind == BufferKind::kOutput) {
      ready.outputs[b.index] = AsValue(buffers_[b.buffer], plan_.graph->value(b.value).type);
    }
  }
}

Status StepRunner::Release(ReadyStep& ready) {
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

Status StepRunner::RunCopy(const Step& step) {
  const BufferId source = step.reads[0];
  const bool from_arena = plan_.buffers[source].kind == BufferKind::kArena;
  Tensor& to = buffers_[step.writes[0]];
  if (plan_.buffers[step.writes[0]].kind == BufferKind::kOwned) {
    MOULIN_ASSIGN_OR_RETURN(to, BufferTensor(source).Clone());
  } else if (const size_t bytes = to.byte_size(); bytes > 0) {
    std::memcpy(to.mutable_data(), from_arena ? ArenaAt(source) : BufferTensor(source).data(), bytes);
  }
  return absl::OkStatus();
}

Outputs StepRunner::CollectOutputs() const {
  Outputs outputs;
  outputs.reserve(plan_.output_buffers.size());
  for (size_t i = 0; i < plan_.output_buffers.size(); ++i) {
    outputs.push_back(
        AsValue(buffers_[plan_.output_buffers[i]], plan_.graph->value(plan_.graph->outputs()[i].value).type));
  }
  return outputs;
}

void StepRunner::End() {
  inputs_.clear();
  for (Tensor& t : buffers_) t = Tensor();
}

}  // namespace moulin
