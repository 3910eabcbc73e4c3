// Tested by tests/cli/step_report_test.cc and tests/cli/tensorboard_test.py.
#include "cli/step_report.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/model_file.h"
#include "engine/model_impl.h"
#include "formats/events.h"

namespace moulin::cli {

using internal::StepTotal;
using internal::TimedStep;

StatusOr<internal::StepProfile*> ProfileOf(const Model& model) {
  internal::StepProfile& profile = model.impl().step_profile();
  if (!profile.last().empty()) return &profile;
  return MakeError(ErrorCode::kUnsupported, "no times of steps on \"", model.device(),
                   "\": no request was run, or its steps cannot be measured");
}

std::string SlowestSteps(const std::vector<StepTotal>& totals, size_t count) {
  int64_t all_ns = 0;
  for (const StepTotal& t : totals) all_ns += t.total_ns;
  std::string text = absl::StrFormat("%10s %7s  %-20s %-32s %s\n", "ms/run", "share", "op", "kernel", "node");
  for (size_t i = 0; i < std::min(count, totals.size()); ++i) {
    const StepTotal& t = totals[i];
    const double ns = static_cast<double>(t.total_ns);
    absl::StrAppendFormat(&text, "%10.4f %6.1f%%  %-20s %-32s %s\n", ns / 1e6 / static_cast<double>(t.runs),
                          100 * ns / static_cast<double>(std::max<int64_t>(all_ns, 1)), t.op, t.kernel,
                          Printable(t.node, 100));
  }
  return text;
}

nlohmann::json ToJson(const std::vector<StepTotal>& totals) {
  nlohmann::json steps = nlohmann::json::array();
  for (const StepTotal& t : totals) {
    steps.push_back({{"node", t.node},
                     {"op", t.op},
                     {"kernel", t.kernel},
                     {"runs", t.runs},
                     {"ms_per_run", static_cast<double>(t.total_ns) / 1e6 / static_cast<double>(t.runs)}});
  }
  return steps;
}

tf::RunMetadata ToRunMetadata(const std::vector<TimedStep>& steps, const std::string& device) {
  tf::RunMetadata run;
  tf::DeviceStepStats* stats = run.mutable_step_stats()->add_dev_stats();
  stats->set_device(device);
  for (const TimedStep& step : steps) {
    tf::NodeExecStats* node = stats->add_node_stats();
    const int64_t ns = step.end_ns - step.start_ns;
    node->set_node_name(step.node);
    node->set_timeline_label(absl::StrCat(step.node, " = ", step.op, " (", step.kernel, ")"));
    node->set_thread_id(static_cast<uint32_t>(step.lane));
    node->set_all_start_nanos(step.start_ns);
    node->set_op_end_rel_nanos(ns);
    node->set_all_end_rel_nanos(ns);
    node->set_all_start_micros(step.start_ns / 1000);
    // A step that was measured took some time: TensorBoard leaves out those of no microsecond.
    node->set_op_end_rel_micros(std::max<int64_t>(1, (ns + 500) / 1000));
    node->set_all_end_rel_micros(node->op_end_rel_micros());
  }
  return run;
}

StatusOr<std::string> WriteStepEvents(const Model& model, const std::string& path, const std::string& logdir) {
  MOULIN_ASSIGN_OR_RETURN(const internal::StepProfile* profile, ProfileOf(model));
  MOULIN_ASSIGN_OR_RETURN(const ModelFile file, ReadModelFile(path));
  const std::string device = absl::StrCat("/device:", absl::AsciiStrToUpper(model.device()), ":0");
  const tf::RunMetadata run = ToRunMetadata(profile->last(), device);
  return WriteGraphEvents(file.graph, logdir, &run, absl::StrCat("moulin ", model.device()));
}

}  // namespace moulin::cli
