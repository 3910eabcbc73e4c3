// Tested by tests/engine/program_test.cc and tests/engine/control_test.cc.
#include "engine/stage_run.h"

#include <numeric>
#include <utility>

#include "base/status_macros.h"

namespace moulin::internal {

StageRun::Frame::Frame(Program* program, std::vector<Tensor> inputs)
    : program(program), inputs(std::move(inputs)), targets(program->graph().outputs().size()) {
  std::iota(targets.begin(), targets.end(), 0);
  results.resize(targets.size());
}

StageRun::StageRun(Program* program, std::vector<Tensor> inputs) { frames_.emplace_back(program, std::move(inputs)); }

StatusOr<Execution*> StageRun::Prepare(int instance) {
  for (;;) {
    Frame& frame = frames_.back();
    MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<CompiledStage> stage, frame.program->StageFor(frame.inputs));
    frame.stages.push_back(stage);
    if (stage->control() == nullptr) return stage->ExecutionFor(instance);
    MOULIN_RETURN_IF_ERROR(Enter(*stage->control()));
  }
}

Status StageRun::Enter(const ControlStage& control) {
  Frame& frame = frames_.back();
  std::vector<Tensor> operands = control.Operands(frame.inputs);
  if (control.is_loop()) {
    frame.variables = std::move(operands);
    frame.is_in_body = false;
    frames_.emplace_back(control.condition(), std::vector<Tensor>(frames_.back().variables));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(Program * branch, control.Branch(operands[0]));
  operands.erase(operands.begin());
  frames_.emplace_back(branch, std::move(operands));
  return absl::OkStatus();
}

std::vector<Tensor> StageRun::TakeInputs() {
  Frame& frame = frames_.back();
  if (frame.stages.back()->rest() == nullptr) return std::move(frame.inputs);
  return frame.inputs;  // the next stage may read them too
}

bool StageRun::Advance(Outputs outputs) {
  while (Advance(frames_.back(), std::move(outputs))) {
    if (frames_.size() == 1) return true;
    outputs = std::move(frames_.back().results);
    frames_.pop_back();
    Frame& frame = frames_.back();
    const ControlStage& control = *frame.stages.back()->control();
    if (!Leave(control, &outputs)) return false;
    outputs = control.OutputsOf(frame.inputs, outputs);
  }
  return false;
}

bool StageRun::Leave(const ControlStage& control, Outputs* results) {
  if (!control.is_loop()) return true;
  Frame& frame = frames_.back();
  if (frame.is_in_body) {
    control.Update(std::move(*results), &frame.variables);
  } else if (!results->front().values<bool>()[0]) {
    *results = std::move(frame.variables);
    return true;
  }
  frame.is_in_body = !frame.is_in_body;
  Program* next = frame.is_in_body ? control.body() : control.condition();
  frames_.emplace_back(next, std::vector<Tensor>(frame.variables));
  return false;
}

bool StageRun::Advance(Frame& frame, Outputs outputs) {
  const CompiledStage& stage = *frame.stages.back();
  const StageSplit& split = stage.split();
  std::vector<int> rest_targets(stage.rest() == nullptr ? 0 : stage.rest()->graph().outputs().size());
  for (size_t i = 0; i < frame.targets.size(); ++i) {
    if (split.outputs[i] >= 0) {
      frame.results[frame.targets[i]] = outputs[split.outputs[i]];
    } else {
      rest_targets[~split.outputs[i]] = frame.targets[i];
    }
  }
  if (stage.rest() == nullptr) return true;
  std::vector<Tensor> inputs;
  for (const StageSplit::Source& source : split.rest_inputs) {
    const bool is_output = source.from == StageSplit::Source::From::kStageOutput;
    inputs.push_back(is_output ? outputs[source.index] : frame.inputs[source.index]);
  }
  frame.program = stage.rest();
  frame.inputs = std::move(inputs);
  frame.targets = std::move(rest_targets);
  return false;
}

}  // namespace moulin::internal
