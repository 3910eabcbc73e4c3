// The way of one request through the stages of a program, and through the graphs of its choices and loops.
#ifndef MOULIN_ENGINE_STAGE_RUN_H_
#define MOULIN_ENGINE_STAGE_RUN_H_

#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/control_stage.h"
#include "engine/program.h"

namespace moulin::internal {

// Use:  Prepare, launch what it gives with TakeInputs, Advance with the results; again until Advance says true.
// Not thread-safe.
class StageRun {
 public:
  // `program` must outlive it.
  StageRun(Program* program, std::vector<Tensor> inputs);

  // Prepares the current stage for an instance.
  StatusOr<Execution*> Prepare(int instance);
  // Its plan.
  const Plan& plan() const { return frames_.back().stages.back()->plan(); }
  // The inputs to launch it with.
  std::vector<Tensor> TakeInputs();
  // Takes the results of the stage; true where it was the last one.
  bool Advance(Outputs outputs);
  // Of a run that is at its end: the outputs of the graph, in order.
  Outputs& results() { return frames_.front().results; }

  // Whether the current stage is within a choice or a loop.
  bool is_nested() const { return frames_.size() > 1; }

 private:
  // The run of one program.
  struct Frame {
    Frame(Program* program, std::vector<Tensor> inputs);
    Program* program;  // what remains of it
    std::vector<Tensor> inputs;
    std::vector<int> targets;  // for each output of `program`: which result it is
    Outputs results;
    std::vector<std::shared_ptr<CompiledStage>> stages;  // the last one is the current one
    // While the current stage is a loop.
    std::vector<Tensor> variables;
    bool is_in_body = false;
  };

  Status Enter(const ControlStage& control);
  static bool Advance(Frame& frame, Outputs outputs);
  // Takes the results of a graph within the current stage of the last frame; true where that stage has run.
  bool Leave(const ControlStage& control, Outputs* results);

  absl::InlinedVector<Frame, 1> frames_;  // each but the first runs a graph within the current stage of the one before
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_STAGE_RUN_H_
