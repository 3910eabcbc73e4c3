// Tested by tests/engine/step_profile_test.cc.
#include "engine/step_profile.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace moulin::internal {

void AppendTimedSteps(const Plan& plan, absl::Span<const StepTime> times, std::vector<TimedStep>* steps) {
  const auto first = static_cast<std::ptrdiff_t>(steps->size());
  for (const StepTime& time : times) {
    const Step& step = plan.steps[time.step];
    TimedStep timed{"", "copy", "copy", step.lane, time.start_ns, time.end_ns};
    if (step.kind == StepKind::kLaunch) {
      const Node& node = plan.graph->node(step.node);
      timed.node = node.name;
      timed.op = node.tf_op.empty() ? std::string(Name(node.kind)) : node.tf_op;
      timed.kernel = step.kernel->name();
    } else {
      timed.node = std::string(plan.graph->value(plan.buffers[step.reads[0]].value).name());
    }
    steps->push_back(std::move(timed));
  }
  std::stable_sort(steps->begin() + first, steps->end(),
                   [](const TimedStep& a, const TimedStep& b) { return a.start_ns < b.start_ns; });
}

void StepProfile::Add(std::vector<TimedStep> steps) {
  std::lock_guard<std::mutex> lock(mutex_);
  absl::flat_hash_map<std::string, size_t> index;
  const auto key = [](const auto& s) { return absl::StrCat(s.node, "\n", s.kernel); };
  for (size_t i = 0; i < totals_.size(); ++i) index.emplace(key(totals_[i]), i);
  for (const TimedStep& step : steps) {
    const auto [at, is_new] = index.try_emplace(key(step), totals_.size());
    if (is_new) totals_.push_back({step.node, step.op, step.kernel});
    ++totals_[at->second].runs;
    totals_[at->second].total_ns += step.end_ns - step.start_ns;
  }
  last_ = std::move(steps);
}

std::vector<StepTotal> StepProfile::totals() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<StepTotal> sorted = totals_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const StepTotal& a, const StepTotal& b) { return a.total_ns > b.total_ns; });
  return sorted;
}

std::vector<TimedStep> StepProfile::last() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_;
}

void StepProfile::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  totals_.clear();
  last_.clear();
}

}  // namespace moulin::internal
