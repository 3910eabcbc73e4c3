// Tested by tests/engine/load_test.cc.
#include "engine/model_source.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/meta_graph_source.h"
#include "formats/bundle.h"
#include "formats/graphdef.h"
#include "formats/savedmodel.h"
#include "import/import.h"
#include "moulin/bundle.h"
#include "nlohmann/json.hpp"

namespace moulin::internal {
namespace {

using nlohmann::json;

json ToJson(const std::vector<TensorName>& names) {
  json list = json::array();
  for (const TensorName& n : names) list.push_back({{"name", n.name}, {"tensor", n.tensor}});
  return list;
}

StatusOr<SourceModel> ReadGraphFile(const std::string& path, const ModelOptions& options, const Limits& limits) {
  if (!options.signature.empty()) {
    return MakeError(ErrorCode::kOption, "a GraphDef has no signatures; asked for \"", Printable(options.signature),
                     "\"");
  }
  MOULIN_ASSIGN_OR_RETURN(tf::GraphDef graph_def, ReadGraphDef(path, limits));
  ImportOptions import_options;
  import_options.inputs = Refs(options.inputs);
  import_options.outputs = Refs(options.outputs);
  import_options.limits = limits;
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Graph> graph, ImportGraph(std::move(graph_def), import_options));
  return SourceModel{options.name.empty() ? DefaultModelName(path) : options.name, std::move(graph)};
}

// The elements of a Const that the bundle keeps apart; an empty handle where the graph itself has them.
StatusOr<Tensor> ExternalConstant(const BundleModel& model, const tf::NodeDef& node) {
  if (BundleModel::IsExternal(node)) return model.Constant(node);
  return StatusOr<Tensor>(absl::in_place);
}

StatusOr<SourceModel> ReadFromBundle(const BundleReader& bundle, const std::string& name, const ModelOptions& options,
                                     const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(BundleModel model, bundle.Load(name));
  ImportOptions import_options;
  import_options.inputs = Refs(options.inputs);
  import_options.outputs = Refs(options.outputs);
  if (options.inputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorName> inputs, NamesFromMetadata(model.metadata(), "inputs"));
    import_options.inputs = Refs(inputs);
  }
  if (options.outputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorName> outputs, NamesFromMetadata(model.metadata(), "outputs"));
    import_options.outputs = Refs(outputs);
  }
  import_options.limits = limits;
  import_options.external_constant = [&model](const tf::NodeDef& node) { return ExternalConstant(model, node); };
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Graph> graph, ImportGraph(std::move(model.mutable_graph()), import_options));
  return SourceModel{options.name.empty() ? name : options.name, std::move(graph)};
}

StatusOr<SourceModel> ReadOneOfBundle(const ModelPath& path, const ModelOptions& options, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<BundleReader> bundle, BundleReader::Open(path.file, limits));
  std::string name = path.name;
  if (name.empty()) {
    if (bundle->names().size() != 1) {
      return MakeError(ErrorCode::kName, "the bundle has ", bundle->names().size(),
                       " models; name one: ", Printable(path.file), ":NAME");
    }
    name = bundle->names().front();
  }
  return ReadFromBundle(*bundle, name, options, limits);
}

}  // namespace

std::vector<NamedTensorRef> Refs(const std::vector<TensorName>& names) {
  std::vector<NamedTensorRef> refs;
  for (const TensorName& n : names) {
    refs.push_back({n.name.empty() ? std::string(absl::StripSuffix(n.tensor, ":0")) : n.name, n.tensor});
  }
  return refs;
}

StatusOr<std::vector<TensorName>> NamesFromMetadata(const json& metadata, const char* key) {
  std::vector<TensorName> names;
  if (!metadata.is_object() || !metadata.contains(key)) return names;
  const auto malformed = [&] {
    return MakeError(ErrorCode::kParse, "the bundle's metadata: \"", key,
                     "\" should be a list of {\"name\", \"tensor\"}");
  };
  if (!metadata[key].is_array()) return malformed();
  for (const json& entry : metadata[key]) {
    if (!entry.is_object() || !entry.contains("tensor") || !entry["tensor"].is_string()) return malformed();
    const bool has_name = entry.contains("name") && entry["name"].is_string();
    names.push_back({has_name ? entry["name"].get<std::string>() : "", entry["tensor"].get<std::string>()});
  }
  return names;
}

nlohmann::json ToMetadata(const std::vector<TensorName>& inputs, const std::vector<TensorName>& outputs) {
  return {{"inputs", ToJson(inputs)}, {"outputs", ToJson(outputs)}};
}

std::string DefaultModelName(const std::string& path) {
  absl::string_view name = absl::StripSuffix(path, "/");
  if (const size_t slash = name.rfind('/'); slash != absl::string_view::npos) name.remove_prefix(slash + 1);
  if (const size_t dot = name.rfind('.'); dot != absl::string_view::npos && dot > 0) name = name.substr(0, dot);
  return std::string(name);
}

StatusOr<SourceModel> ReadModel(const std::string& path, const ModelOptions& options, const Limits& limits) {
  const ModelPath split = SplitModelPath(path);
  const bool is_bundle = !split.name.empty() || absl::EndsWith(split.file, ".moulin");
  StatusOr<SourceModel> model = is_bundle                     ? ReadOneOfBundle(split, options, limits)
                                : IsSavedModelDirectory(path) ? ReadSavedModelDirectory(path, options, limits)
                                : IsCheckpointModel(path)     ? ReadCheckpointModel(path, options, limits)
                                                              : ReadGraphFile(path, options, limits);
  if (!model.ok()) return AtFile(model.status(), path);
  return model;
}

StatusOr<std::vector<SourceModel>> ReadBundle(const std::string& path, const Limits& limits) {
  StatusOr<std::shared_ptr<BundleReader>> bundle = BundleReader::Open(path, limits);
  if (!bundle.ok()) return AtFile(bundle.status(), path);
  std::vector<SourceModel> models;
  for (const std::string& name : (*bundle)->names()) {
    StatusOr<SourceModel> model = ReadFromBundle(**bundle, name, {}, limits);
    if (!model.ok()) return AtFile(model.status(), absl::StrCat(path, ":", name));
    models.push_back(*std::move(model));
  }
  return models;
}

}  // namespace moulin::internal
