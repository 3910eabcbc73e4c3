// The steps of a plan that run on the host, with their tensors at their places, ready to be called.
#ifndef MOULIN_DEVICE_HOST_STEP_RUNNER_H_
#define MOULIN_DEVICE_HOST_STEP_RUNNER_H_

#include <memory>
#include <vector>

#include "device/device.h"
#include "device/host/host_kernel.h"
#include "plan/plan.h"

namespace moulin {

// Tensors in the arena and constants are made once, so that a run allocates its outputs only; those that differ from
// run to run (inputs, outputs, results of unknown shape) are bound just before their step and let go just behind it.
// Different steps may be run by different threads, one run at a time.
class StepRunner {
 public:
  // `arena` has plan.arena_bytes bytes, aligned to 64. Prepares the launches of HostKernels; others are not its own.
  // `plan` must outlive it.
  StepRunner(const Plan& plan, std::shared_ptr<void> arena);

  // Begins a run: takes the inputs, allocates the outputs. E_INTERNAL for a wrong number of inputs, E_MEMORY.
  Status Begin(std::vector<Tensor> inputs);
  // Runs step number `step` of the plan: a launch of a HostKernel, or a copy within the host. Errors name the node.
  Status Run(int step);
  // The results; to be called when all steps are done.
  Outputs CollectOutputs() const;
  // Lets go of what the run held.
  void End();

  // The elements of a buffer of the host that is not in the arena, in this run.
  const Tensor& BufferTensor(BufferId buffer) const;
  // The memory of an output (kOutput), to be written.
  void* OutputData(BufferId buffer) { return buffers_[buffer].mutable_data(); }
  // Where a buffer of the arena lies.
  void* ArenaAt(BufferId buffer) const;

 private:
  // A tensor to be bound when the step runs: the elements of `buffer` as `value`.
  struct Binding {
    int index;  // among the step's inputs or outputs
    BufferId buffer;
    ValueId value;
  };
  struct ReadyStep {
    const HostKernel* kernel = nullptr;  // null: not a launch on the host
    std::vector<Tensor> inputs;
    std::vector<Tensor> outputs;
    std::vector<Binding> bound_inputs;
    std::vector<Binding> bound_outputs;
    void* workspace = nullptr;
  };

  ReadyStep MakeReady(const Step& step) const;
  bool IsBoundAtRun(BufferId buffer) const;
  Status RunLaunch(ReadyStep& ready);
  Status RunCopy(const Step& step);
  void Bind(ReadyStep& step) const;
  Status Release(ReadyStep& step);

  const Plan& plan_;
  const std::shared_ptr<void> arena_;
  std::vector<ReadyStep> steps_;  // per step of the plan
  // Of the run in flight.
  std::vector<Tensor> inputs_;
  std::vector<Tensor> buffers_;  // per buffer: kOutput and kOwned results
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_STEP_RUNNER_H_
