// The times of a model's steps, as tables and for TensorBoard.
#ifndef MOULIN_CLI_STEP_REPORT_H_
#define MOULIN_CLI_STEP_REPORT_H_

#include <string>
#include <vector>

#include "engine/step_profile.h"
#include "moulin/model.h"
#include "moulin/status.h"
#include "nlohmann/json.hpp"
#include "proto/step_stats.pb.h"

namespace moulin::cli {

// The measured times of a model; E_UNSUPPORTED where there are none.
StatusOr<internal::StepProfile*> ProfileOf(const Model& model);

// A line for each of the `count` steps that took longest: milliseconds a run, share, op, kernel, node.
std::string SlowestSteps(const std::vector<internal::StepTotal>& totals, size_t count);
nlohmann::json ToJson(const std::vector<internal::StepTotal>& totals);

// The steps of one request, on the device called `device`.
tf::RunMetadata ToRunMetadata(const std::vector<internal::TimedStep>& steps, const std::string& device);

// Writes the graph in the model's file and the times of the model's last request to an event file in `logdir`; returns
// its path. Errors as of ProfileOf, ReadModelFile and WriteGraphEvents.
StatusOr<std::string> WriteStepEvents(const Model& model, const std::string& path, const std::string& logdir);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_STEP_REPORT_H_
