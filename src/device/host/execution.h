// One run of a plan on the host: its lanes, the events between them.
#ifndef MOULIN_DEVICE_HOST_EXECUTION_H_
#define MOULIN_DEVICE_HOST_EXECUTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "device/device.h"
#include "device/host/step_runner.h"
#include "device/host/stream.h"

namespace moulin {

class HostExecution : public Execution {
 public:
  // `keep_alive` holds the plan. RESOURCE_EXHAUSTED where there is no memory for the arena.
  static StatusOr<std::unique_ptr<HostExecution>> Make(const Plan& plan, std::shared_ptr<const void> keep_alive);

  void Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) override;
  int64_t bytes() const override { return plan_.arena_bytes; }
  bool MeasureSteps() override;
  std::vector<StepTime> step_times() const override;

 private:
  HostExecution(const Plan& plan, std::shared_ptr<const void> keep_alive, std::shared_ptr<void> arena);

  void RunLane(int lane);
  void RunSteps(const std::vector<int>& steps);
  void Fail(Status status);
  void Finish();

  const Plan& plan_;
  const std::shared_ptr<const void> keep_alive_;
  StepRunner runner_;
  std::vector<std::vector<int>> lanes_;  // the steps of each
  std::vector<std::unique_ptr<HostEvent>> events_;

  bool measures_ = false;
  std::vector<StepTime> times_;  // per step of the plan; each written by its lane

  // Of the run in flight.
  uint64_t run_ = 0;  // counts the launches; the number that events are signalled with
  LaunchCallback done_;
  std::atomic<int> lanes_left_{0};
  std::atomic<bool> failed_{false};
  std::mutex error_mutex_;
  Status error_;  // the first; guarded by error_mutex_ while lanes run
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_EXECUTION_H_
