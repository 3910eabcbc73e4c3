// moulin run: one inference, from .npz to .npz.
#include <cstdio>

#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/input_expression.h"
#include "cli/input_file.h"
#include "formats/npz.h"
#include "moulin/engine.h"

namespace moulin::cli {
namespace {

struct RunFlags {
  std::string model;
  std::string signature;
  std::string checkpoint;
  std::string inputs;
  std::vector<std::string> expressions;
  std::string outputs;
  std::vector<std::string> tags;
  std::vector<std::string> feed;
  std::vector<std::string> fetch;
  DeviceFlags device;
};

StatusOr<int> Run(const RunFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto engine, OpenEngine(flags.device.engine_options()));
  ModelOptions options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  options.signature = flags.signature;
  options.tags = flags.tags;
  for (const std::string& tensor : flags.feed) options.inputs.push_back({"", tensor});
  options.checkpoint = flags.checkpoint;
  for (const std::string& tensor : flags.fetch) options.outputs.push_back({"", tensor});
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine->Load(flags.model, options));
  NamedTensors inputs;
  if (!flags.inputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(inputs, ReadInputFile(flags.inputs, model->inputs()));
  }
  MOULIN_RETURN_IF_ERROR(AddInputExpressions(flags.expressions, model->inputs(), &inputs));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors outputs, model->Run(std::move(inputs)));
  MOULIN_RETURN_IF_ERROR(WriteNpz(flags.outputs, outputs));
  for (const auto& [name, tensor] : outputs) std::printf("%s = %s\n", name.c_str(), tensor.ToString().c_str());
  return kDone;
}

}  // namespace

void AddRun(CLI::App& app, Action* action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "Run a model once on arrays from an .npz file or the command line");
  command->add_option("model", flags->model, "the model")->required()->type_name("MODEL");
  command->add_option("--checkpoint", flags->checkpoint, "take the variables' values from there")
      ->type_name("PREFIX_OR_DIR");
  command->add_option("--signature", flags->signature, "signature of a SavedModel; serving_default, or the only one");
  command->add_option("--inputs", flags->inputs, "arrays, named as `moulin show` names the inputs")
      ->type_name("IN.npz");
  command
      ->add_option("--input", flags->expressions,
                   "an input by itself: x=ones((2,3)), x=[[1,2],[3,4]], ...; see docs/command-line.md")
      ->type_name("NAME=EXPRESSION")
      ->allow_extra_args(false);
  command->add_option("--outputs", flags->outputs, "where to write the results")->required()->type_name("OUT.npz");
  command->add_option("--tags", flags->tags, "which graph of a SavedModel")->delimiter(',')->type_name("T");
  command->add_option("--feed", flags->feed, "feed these tensors instead, also inner ones")->type_name("TENSOR");
  command->add_option("--fetch", flags->fetch, "fetch these tensors instead, also inner ones")->type_name("TENSOR");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Run(*flags); }; });
}

}  // namespace moulin::cli
