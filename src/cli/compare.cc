// moulin compare: a model on one device held against the reference.
#include "engine/compare.h"

#include <cstdio>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/input_file.h"
#include "cli/json_text.h"
#include "cli/random_inputs.h"
#include "cli/step_report.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct CompareFlags {
  std::string model;
  std::string inputs;
  std::string reference = "reference";
  std::vector<std::string> shapes;
  int64_t batch = 1;
  bool layers = false;
  bool json = false;
  std::string tensorboard;
  CompareOptions options;
  DeviceFlags device;
};

StatusOr<NamedTensors> InputsFor(Engine& engine, const CompareFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine.Load(flags.model));
  if (!flags.inputs.empty()) return ReadInputFile(flags.inputs, model->inputs());
  return RandomInputs(model->inputs(), {flags.batch, flags.shapes});
}

const char* Mark(const ValueDifference& v) {
  return !v.agrees() ? "differs" : v.difference.found_nan ? "NaN" : "agrees";
}

void PrintRow(const ValueDifference& v) {
  std::printf("%-8s %-48s %-24s max abs %-10.3g max rel %-10.3g\n", Mark(v), Printable(v.name, 80).c_str(),
              v.type.c_str(), v.difference.max_abs, v.difference.max_rel);
}

void PrintFirst(const char* what, const CompareReport& report, int index) {
  if (index < 0) return;
  const ValueDifference& v = report.values[index];
  std::printf("%s: \"%s\" (op %s), %s", what, Printable(v.name).c_str(), v.op.c_str(), v.type.c_str());
  if (!v.agrees()) {
    std::printf(": %s; %lld elements differ", v.difference.what.c_str(),
                static_cast<long long>(v.difference.mismatches));
  }
  std::printf("\n");
}

nlohmann::json ToJson(const ValueDifference& v) {
  return {{"name", v.name},
          {"op", v.op},
          {"type", v.type},
          {"output", v.is_output},
          {"agrees", v.agrees()},
          {"max_abs", v.difference.max_abs},
          {"max_rel", v.difference.max_rel},
          {"rel_norm", v.difference.relative_norm},
          {"mismatches", v.difference.mismatches},
          {"nan", v.difference.found_nan},
          {"problem", v.difference.what}};
}

void PrintJson(const CompareReport& report) {
  nlohmann::json values = nlohmann::json::array();
  for (const ValueDifference& v : report.values) values.push_back(ToJson(v));
  const auto name_of = [&](int i) { return i < 0 ? nlohmann::json() : nlohmann::json(report.values[i].name); };
  const nlohmann::json out = {{"agrees", report.agrees()},
                              {"first_divergence", name_of(report.first_divergence)},
                              {"first_nan", name_of(report.first_nan)},
                              {"values", values}};
  std::printf("%s\n", JsonText(out, 1).c_str());
}

// The times are those of a run of the model as it is, not of the one that keeps every value for comparison.
Status WriteTimes(const CompareFlags& flags, const NamedTensors& inputs) {
  EngineOptions options = flags.device.engine_options();
  options.measure_steps = true;
  MOULIN_ASSIGN_OR_RETURN(const auto engine, Engine::Create(options));
  ModelOptions model_options = flags.options.model;
  model_options.precision = flags.device.precision;
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine->Load(flags.model, model_options));
  for (int warm_and_measured = 0; warm_and_measured < 2; ++warm_and_measured) {
    MOULIN_RETURN_IF_ERROR(model->Run(inputs).status());
  }
  return WriteStepEvents(*model, flags.model, flags.tensorboard).status();
}

StatusOr<int> Compare(const CompareFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto device, OpenEngine(flags.device.engine_options()));
  MOULIN_ASSIGN_OR_RETURN(const auto reference, Engine::Create({.device = flags.reference}));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors inputs, InputsFor(*device, flags));
  CompareOptions options = flags.options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options.model));
  options.layers = flags.layers;
  MOULIN_ASSIGN_OR_RETURN(const CompareReport report, CompareModel(*device, *reference, flags.model, inputs, options));
  if (flags.json) {
    PrintJson(report);
  } else {
    for (const ValueDifference& v : report.values) PrintRow(v);
    PrintFirst("first NaN", report, report.first_nan);
    PrintFirst("first difference", report, report.first_divergence);
    if (report.agrees()) std::printf("%zu values agree\n", report.values.size());
  }
  if (!flags.tensorboard.empty()) MOULIN_RETURN_IF_ERROR(WriteTimes(flags, inputs));
  return report.agrees() ? kDone : kNo;
}

}  // namespace

void AddCompare(CLI::App& app, Action* action) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* command = app.add_subcommand("compare", "Hold a model on one device against the reference");
  command->add_option("model", flags->model, "the model")->required()->type_name("MODEL");
  command->add_option("--inputs", flags->inputs, "inputs instead of random ones")->type_name("IN.npz");
  command->add_option("--reference", flags->reference, "the device to hold against")->capture_default_str();
  command->add_flag("--layers", flags->layers, "value by value: names the first that differs and the first NaN");
  command->add_option("--atol", flags->options.tolerance.atol, "allowed absolute error")->capture_default_str();
  command->add_option("--rtol", flags->options.tolerance.rtol, "allowed relative error, added to it")
      ->capture_default_str();
  command->add_option("--batch", flags->batch, "rows of random inputs")->check(CLI::PositiveNumber);
  command->add_option("--shape", flags->shapes, "shape of an input that the model leaves open")
      ->type_name("NAME=SIZE,SIZE...");
  command->add_flag("--json", flags->json, "as JSON");
  command
      ->add_option("--tensorboard", flags->tensorboard,
                   "write the graph and the times of the steps of a run on the device")
      ->type_name("LOGDIR");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Compare(*flags); }; });
}

}  // namespace moulin::cli
