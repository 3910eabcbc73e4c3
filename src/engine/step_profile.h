// How long the steps of a model's requests take.
#ifndef MOULIN_ENGINE_STEP_PROFILE_H_
#define MOULIN_ENGINE_STEP_PROFILE_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "device/device.h"
#include "plan/plan.h"

namespace moulin::internal {

// A step of one request.
struct TimedStep {
  std::string node;    // of the TensorFlow graph
  std::string op;      // that node's op, or "copy"
  std::string kernel;  // as plans name it
  int lane = 0;
  int64_t start_ns = 0;  // since the steady clock's epoch
  int64_t end_ns = 0;
};

// All steps of one node by one kernel, over the requests measured.
struct StepTotal {
  std::string node;
  std::string op;
  std::string kernel;
  int64_t runs = 0;
  int64_t total_ns = 0;
};

// Appends the steps that an execution of `plan` measured, in the order they started.
void AppendTimedSteps(const Plan& plan, absl::Span<const StepTime> times, std::vector<TimedStep>* steps);

// Thread-safe.
class StepProfile {
 public:
  // Takes the steps of a request that succeeded.
  void Add(std::vector<TimedStep> steps);
  // By falling time.
  std::vector<StepTotal> totals() const;
  // Of the last request; empty before the first.
  std::vector<TimedStep> last() const;
  void Clear();

 private:
  mutable std::mutex mutex_;
  std::vector<StepTotal> totals_;  // guarded by mutex_
  std::vector<TimedStep> last_;    // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_STEP_PROFILE_H_
