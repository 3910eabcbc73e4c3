// One run of a plan on the host: the steps with their tensors at their places, ready to be called.
#ifndef MOULIN_DEVICE_HOST_EXECUTION_H_
#define MOULIN_DEVICE_HOST_EXECUTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "device/device.h"
#include "device/host/host_kernel.h"
#include "device/host/stream.h"

namespace moulin {

// Tensors in the arena and constants are made once, so that a run allocates its outputs only; those that differ from
// run to run (inputs, outputs, results of unknown shape) are bound just before their step and let go just behind it.
class HostExecution : public Execution {
 public:
  // `keep_alive` holds the plan. RESOURCE_EXHAUSTED where there is no memory for the arena.
  static StatusOr<std::unique_ptr<HostExecution>> Make(const Plan& plan, std::shared_ptr<const void> keep_alive);

  void Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) override;
  int64_t bytes() const override { return plan_.arena_bytes; }

 private:
  // A tensor to be bound when the step runs: the elements of `buffer` as `value`.
  struct Binding {
    int index;  // among the step's inputs or outputs
    BufferId buffer;
    ValueId value;
  };
  struct ReadyStep {
    const Step* step = nullptr;
    const HostKernel* kernel = nullptr;
    std::vector<Tensor> inputs;
    std::vector<Tensor> outputs;
    std::vector<Binding> bound_inputs;
    std::vector<Binding> bound_outputs;
    void* workspace = nullptr;
  };

  HostExecution(const Plan& plan, std::shared_ptr<const void> keep_alive, std::shared_ptr<void> arena);
  ReadyStep MakeReady(const Step& step) const;
  bool IsBoundAtRun(BufferId buffer) const;
  void* ArenaAt(BufferId buffer) const;
  // The elements of a buffer that is not in the arena, in this run.
  const Tensor& BufferTensor(BufferId buffer) const;

  Status AllocateOutputs();
  void RunLane(int lane);
  void RunSteps(std::vector<ReadyStep>& steps);
  Status RunStep(ReadyStep& step);
  Status RunLaunch(ReadyStep& ready);
  Status RunCopy(const Step& step);
  void Bind(ReadyStep& step) const;
  Status Release(ReadyStep& step);
  void Fail(const Step& step, Status status);
  void Finish();
  Outputs CollectOutputs() const;

  const Plan& plan_;
  const std::shared_ptr<const void> keep_alive_;
  const std::shared_ptr<void> arena_;
  std::vector<std::vector<ReadyStep>> lanes_;
  std::vector<std::unique_ptr<HostEvent>> events_;

  // Of the run in flight.
  uint64_t run_ = 0;  // counts the launches; the number that events are signalled with
  std::vector<Tensor> inputs_;
  std::vector<Tensor> buffers_;  // per buffer: kOutput and kOwned results
  LaunchCallback done_;
  std::atomic<int> lanes_left_{0};
  std::atomic<bool> failed_{false};
  std::mutex error_mutex_;
  Status error_;  // the first; guarded by error_mutex_ while lanes run
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_EXECUTION_H_
