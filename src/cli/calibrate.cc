// moulin calibrate: the ranges that int8 needs, and whether it is accurate enough with them.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "absl/strings/match.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/input_expression.h"
#include "cli/input_file.h"
#include "engine/describe.h"
#include "engine/quantization.h"
#include "moulin/engine.h"

namespace moulin::cli {
namespace {

struct CalibrateFlags {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::string> expressions;
  std::string output;
  double max_error = Quantization().max_error;
  DeviceFlags device;
};

// The .npz files of a directory, by name; any other path is itself.
StatusOr<std::vector<std::string>> FilesOf(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".npz") files.push_back(it->path().string());
  }
  if (error) return AtFile(MakeError(ErrorCode::kFile, "cannot read the directory: ", error.message()), path);
  if (files.empty()) return AtFile(MakeError(ErrorCode::kEmpty, "a directory without .npz files"), path);
  std::sort(files.begin(), files.end());
  return files;
}

StatusOr<std::vector<NamedTensors>> ReadExamples(Engine& engine, const CalibrateFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine.Load(flags.model));
  std::vector<NamedTensors> examples;
  for (const std::string& path : flags.inputs) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesOf(path));
    for (const std::string& file : files) {
      MOULIN_ASSIGN_OR_RETURN(NamedTensors example, ReadInputFile(file, model->inputs()));
      examples.push_back(std::move(example));
    }
  }
  if (examples.empty()) examples.emplace_back();
  for (NamedTensors& example : examples) {
    MOULIN_RETURN_IF_ERROR(AddInputExpressions(flags.expressions, model->inputs(), &example));
  }
  return examples;
}

StatusOr<int> Calibrate(const CalibrateFlags& flags) {
  if (!IsInt8(flags.device.precision) || !flags.device.ranges.empty()) {
    return MakeError(ErrorCode::kOption, "calibrate: expected --precision int8 or int8+fp16, and no --ranges");
  }
  MOULIN_ASSIGN_OR_RETURN(const auto engine, OpenEngine(flags.device.engine_options()));
  ModelOptions options;
  options.precision = flags.device.precision;
  options.quantization.max_error = flags.max_error;
  MOULIN_ASSIGN_OR_RETURN(options.quantization.examples, ReadExamples(*engine, flags));
  MOULIN_ASSIGN_OR_RETURN(options.quantization.ranges, engine->Calibrate(flags.model, options.quantization.examples));
  const StatusOr<std::shared_ptr<Model>> model = engine->Load(flags.model, options);
  if (absl::StartsWith(model.status().message(), ErrorName(ErrorCode::kAccuracy))) {
    std::fprintf(stderr, "moulin: %s\n", std::string(model.status().message()).c_str());
    return kNo;
  }
  MOULIN_RETURN_IF_ERROR(model.status());
  MOULIN_RETURN_IF_ERROR(SaveRanges(flags.output, options.quantization.ranges));
  const internal::QuantizedProducts products = internal::CountQuantized(*internal::GraphOf(**model));
  std::printf("%zu ranges measured, %d of %zu convolutions and products in int8\n", options.quantization.ranges.size(),
              products.int8, products.int8 + products.left.size());
  std::printf("relative error %.3g (at most %g is allowed)\n", (*model)->stats().quantization_error, flags.max_error);
  return kDone;
}

}  // namespace

void AddCalibrate(CLI::App& app, Action* action) {
  auto flags = std::make_shared<CalibrateFlags>();
  flags->device.precision = Precision::kInt8;
  CLI::App* command = app.add_subcommand("calibrate", "Measure the ranges of activations that --precision int8 needs");
  command->add_option("model", flags->model, "the model")->required()->type_name("MODEL");
  command->add_option("--inputs", flags->inputs, "typical inputs; of a directory every .npz file")
      ->type_name("IN.npz|DIR");
  command->add_option("--input", flags->expressions, "an input by itself, as of run")
      ->type_name("NAME=EXPRESSION")
      ->allow_extra_args(false);
  command->add_option("-o,--output", flags->output, "where to write the ranges")->required()->type_name("RANGES.json");
  command
      ->add_option("--max-error", flags->max_error,
                   "refuse, and write nothing, where an output's relative error on these inputs is above that")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Calibrate(*flags); }; });
}

}  // namespace moulin::cli
