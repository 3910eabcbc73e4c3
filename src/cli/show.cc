// moulin show: what a model takes and gives, and what is in it.
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_file.h"
#include "cli/op_list.h"
#include "cli/random_inputs.h"
#include "cli/saved_model_listing.h"
#include "cli/show_checkpoint.h"
#include "engine/describe.h"
#include "engine/quantization.h"
#include "formats/checkpoint.h"
#include "formats/savedmodel.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct ShowFlags {
  std::string model;
  std::vector<std::string> shapes;
  int64_t batch = 1;
  bool all = false;
  bool ops = false;
  bool placement = false;
  bool passes = false;
  bool json = false;
  DeviceFlags device;
};

// What there is to say of one model.
struct Description {
  std::string path;
  GraphSummary summary;
  std::vector<TensorInfo> inputs;  // of a model that loads
  std::vector<TensorInfo> outputs;
  std::string load_error;                                // of one that does not
  std::vector<std::pair<std::string, int>> placement;    // kernels and how many steps each runs
  std::optional<internal::QuantizedProducts> quantized;  // where int8 is asked for
};

nlohmann::json ToJson(const std::vector<TensorInfo>& infos) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorInfo& info : infos) {
    nlohmann::json shape;  // null where the rank is unknown
    if (info.shape.has_rank()) {
      shape = nlohmann::json::array();
      for (int64_t d : info.shape.dims()) shape.push_back(d < 0 ? nlohmann::json() : nlohmann::json(d));
    }
    list.push_back(
        {{"name", info.name}, {"tensor", info.tensor}, {"dtype", std::string(Name(info.dtype))}, {"shape", shape}});
  }
  return list;
}

nlohmann::json ToJson(const std::vector<std::pair<std::string, int>>& counts) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

nlohmann::json ToJson(const Description& d) {
  nlohmann::json j = {
      {"model", d.path}, {"inputs", ToJson(d.inputs)}, {"outputs", ToJson(d.outputs)}, {"ops", ToJson(d.summary.ops)}};
  nlohmann::json unsupported = nlohmann::json::array();
  for (const UnsupportedNode& n : d.summary.unsupported) {
    unsupported.push_back({{"name", n.name}, {"op", n.op}, {"reason", n.reason}});
  }
  j["unsupported"] = unsupported;
  if (!d.load_error.empty()) j["error"] = d.load_error;
  if (!d.placement.empty()) j["placement"] = ToJson(d.placement);
  if (d.quantized) {
    nlohmann::json left = nlohmann::json::object();
    for (const auto& [name, reason] : d.quantized->left) left[name] = reason;
    j["quantized"] = {{"int8", d.quantized->int8}, {"left", left}};
  }
  return j;
}

void PrintTensors(const char* title, const std::vector<TensorInfo>& infos) {
  std::printf("%s\n", title);
  for (const TensorInfo& info : infos) {
    std::printf("  %-24s %s%s  (%s)\n", info.name.c_str(), std::string(Name(info.dtype)).c_str(),
                info.shape.ToString().c_str(), info.tensor.c_str());
  }
}

void PrintCounts(const char* title, const std::vector<std::pair<std::string, int>>& counts) {
  std::printf("%s\n", title);
  for (const auto& [name, count] : counts) std::printf("  %6d %s\n", count, name.c_str());
}

void PrintQuantized(const internal::QuantizedProducts& products) {
  std::printf("convolutions and products in int8: %d of %zu\n", products.int8, products.int8 + products.left.size());
  for (const auto& [name, reason] : products.left) {
    std::printf("  %s is left in float: %s\n", Printable(name).c_str(), reason.c_str());
  }
}

void Print(const Description& d, const ShowFlags& flags) {
  std::printf("%s\n", d.path.c_str());
  if (d.load_error.empty()) {
    PrintTensors("inputs", d.inputs);
    PrintTensors("outputs", d.outputs);
  } else {
    std::printf("does not load: %s\n", d.load_error.c_str());
  }
  if (flags.ops || flags.all) PrintCounts("ops", d.summary.ops);
  if (!d.placement.empty()) PrintCounts("steps, by kernel", d.placement);
  if (d.quantized) PrintQuantized(*d.quantized);
}

StatusOr<Description> Describe(Engine& engine, const std::string& path, const ShowFlags& flags) {
  Description d;
  d.path = path;
  {
    MOULIN_ASSIGN_OR_RETURN(const ModelFile file, ReadModelFile(path));
    StatusOr<GraphSummary> summary = SummarizeGraph(file.graph, {});
    if (!summary.ok()) return AtFile(summary.status(), path);
    d.summary = *std::move(summary);
  }
  ModelOptions options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  const StatusOr<std::shared_ptr<Model>> model = engine.Load(path, options);
  if (!model.ok()) {
    d.load_error = std::string(model.status().message());
    return d;
  }
  d.inputs = (*model)->inputs();
  d.outputs = (*model)->outputs();
  if (IsInt8(options.precision)) d.quantized = internal::CountQuantized(*internal::GraphOf(**model));
  if (flags.placement) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<InputShape> shapes,
                            ConcreteShapes(d.inputs, {flags.batch, flags.shapes}));
    MOULIN_ASSIGN_OR_RETURN(d.placement, internal::KernelCounts(**model, shapes));
  }
  return d;
}

StatusOr<std::vector<std::string>> ModelsIn(const std::string& path) {
  if (!IsWholeBundle(path)) return std::vector<std::string>{path};
  StatusOr<std::vector<std::string>> names = BundleModelNames(path);
  if (!names.ok()) return AtFile(names.status(), path);
  for (std::string& name : *names) name = absl::StrCat(path, ":", name);
  return names;
}

void PrintPasses() {
  for (const std::string& name : internal::PassNames()) std::printf("%s\n", name.c_str());
}

StatusOr<int> ListSavedModel(const std::string& path) {
  MOULIN_ASSIGN_OR_RETURN(const WholeSavedModel whole, ReadWholeSavedModel(path));
  const std::string listing = SavedModelListing(whole.model);
  std::fwrite(listing.data(), 1, listing.size(), stdout);
  return kDone;
}

StatusOr<int> Show(const ShowFlags& flags) {
  if (flags.passes) PrintPasses();
  if (flags.model.empty()) {
    if (flags.ops) PrintOpList(flags.json);
    if (flags.passes || flags.ops) return kDone;
    return MakeError(ErrorCode::kOption, "show: expected a MODEL");
  }
  if (IsCheckpoint(flags.model)) return ShowCheckpoint(flags.model, flags.json);
  if (flags.all && !flags.json && IsSavedModelDirectory(flags.model)) return ListSavedModel(flags.model);
  // The reference has the graph as it was imported.
  const bool is_optimized = flags.placement || IsInt8(flags.device.precision);
  const EngineOptions options = is_optimized ? flags.device.planning_options() : EngineOptions{.device = "reference"};
  MOULIN_ASSIGN_OR_RETURN(const auto engine, Engine::Create(options));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ModelsIn(flags.model));
  nlohmann::json records = nlohmann::json::array();
  bool all_load = true;
  for (const std::string& path : paths) {
    MOULIN_ASSIGN_OR_RETURN(const Description d, Describe(*engine, path, flags));
    all_load = all_load && d.load_error.empty();
    if (flags.json) {
      records.push_back(ToJson(d));
    } else {
      Print(d, flags);
    }
  }
  if (flags.json) std::printf("%s\n", JsonText(IsWholeBundle(flags.model) ? records : records[0], 1).c_str());
  return all_load ? kDone : kNo;
}

}  // namespace

void AddShow(CLI::App& app, Action* action) {
  auto flags = std::make_shared<ShowFlags>();
  CLI::App* command = app.add_subcommand("show", "Show what a model takes, gives and is made of");
  command->add_option("model", flags->model, "a model, a bundle or a checkpoint")->type_name("MODEL");
  command->add_flag("--ops", flags->ops, "count the TensorFlow ops; without a MODEL: the ops that Moulin takes");
  command->add_flag("--all", flags->all, "everything the file says; of a SavedModel, what saved_model_cli prints");
  command->add_flag("--placement", flags->placement,
                    "plan the model on --device and count the kernels that it runs; implied by --device");
  command->add_option("--batch", flags->batch, "rows to plan for")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--shape", flags->shapes, "shape of an input that the model leaves open")
      ->type_name("NAME=SIZE,SIZE...");
  command->add_flag("--passes", flags->passes, "list the optimisation passes by name");
  command->add_flag("--json", flags->json, "as JSON");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] {
    // Which device is asked for matters to the placement alone.
    flags->placement = flags->placement || command->count("--device") > 0;
    *action = [flags] { return Show(*flags); };
  });
}

}  // namespace moulin::cli
