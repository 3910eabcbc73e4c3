// Tested by tests/engine/load_test.cc.
#include "engine/model_source.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/meta_graph_source.h"
#include "formats/bundle.h"
#include "formats/graphdef.h"
#include "formats/savedmodel.h"
#include "import/import.h"
#include "moulin/bundle.h"

namespace moulin::internal {
namespace {

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

// Imports one signature of a model, whose graph is copied.
StatusOr<SourceModel> ImportSignature(const BundleModel& model, BundleSignature signature, const ModelOptions& options,
                                      const Limits& limits) {
  ImportOptions import_options;
  import_options.inputs = Refs(options.inputs.empty() ? signature.inputs : options.inputs);
  import_options.outputs = Refs(options.outputs.empty() ? signature.outputs : options.outputs);
  import_options.limits = limits;
  import_options.external_constant = [&model](const tf::NodeDef& node) { return ExternalConstant(model, node); };
  SourceModel source;
  MOULIN_ASSIGN_OR_RETURN(source.graph, ImportGraph(model.graph(), import_options));
  source.origin.signature = std::move(signature);
  return source;
}

// "NAME" or "NAME:SIGNATURE"; names of models have no colon.
struct NameInBundle {
  std::string model;
  std::string signature;
};

StatusOr<NameInBundle> FindInBundle(const BundleReader& bundle, const ModelPath& path) {
  if (path.name.empty() && bundle.names().size() != 1) {
    return MakeError(ErrorCode::kName, "the bundle has ", bundle.names().size(),
                     " models; name one: ", Printable(path.file), ":NAME");
  }
  if (path.name.empty()) return NameInBundle{bundle.names().front(), ""};
  const std::pair<std::string, std::string> parts = absl::StrSplit(path.name, absl::MaxSplits(':', 1));
  return NameInBundle{parts.first, parts.second};
}

StatusOr<SourceModel> ReadOneOfBundle(const ModelPath& path, const ModelOptions& options, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<BundleReader> bundle, BundleReader::Open(path.file, limits));
  MOULIN_ASSIGN_OR_RETURN(NameInBundle name, FindInBundle(*bundle, path));
  if (name.signature.empty()) name.signature = options.signature;
  if (!options.signature.empty() && options.signature != name.signature) {
    return MakeError(ErrorCode::kOption, "two signatures are asked for: \"", Printable(name.signature), "\" and \"",
                     Printable(options.signature), "\"");
  }
  MOULIN_ASSIGN_OR_RETURN(const BundleModel model, bundle->Load(name.model));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<BundleSignature> signatures, SignaturesFromMetadata(model.metadata()));
  MOULIN_ASSIGN_OR_RETURN(BundleSignature signature, ChooseSignature(signatures, name.signature));
  MOULIN_ASSIGN_OR_RETURN(SourceModel source, ImportSignature(model, std::move(signature), options, limits));
  source.name = !options.name.empty() ? options.name : path.name.empty() ? name.model : path.name;
  source.origin.bundle = std::move(bundle);
  source.origin.model = name.model;
  return source;
}

Status ReadAllSignatures(const std::shared_ptr<BundleReader>& bundle, const std::string& name, const Limits& limits,
                         std::vector<SourceModel>* models) {
  MOULIN_ASSIGN_OR_RETURN(const BundleModel model, bundle->Load(name));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<BundleSignature> signatures, SignaturesFromMetadata(model.metadata()));
  const StatusOr<BundleSignature> first = ChooseSignature(signatures, "");
  for (const BundleSignature& signature : signatures) {
    const bool is_default = first.ok() && first->name == signature.name;
    MOULIN_ASSIGN_OR_RETURN(SourceModel source, ImportSignature(model, signature, {}, limits));
    source.name = is_default ? name : absl::StrCat(name, ":", signature.name);
    source.origin.bundle = bundle;
    source.origin.model = name;
    models->push_back(std::move(source));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<NamedTensorRef> Refs(const std::vector<TensorName>& names) {
  std::vector<NamedTensorRef> refs;
  for (const TensorName& n : names) {
    refs.push_back({n.name.empty() ? std::string(absl::StripSuffix(n.tensor, ":0")) : n.name, n.tensor});
  }
  return refs;
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
  if (is_bundle && !options.checkpoint.empty()) {
    return AtFile(MakeError(ErrorCode::kOption, "a bundle's models have their weights; no checkpoint may be given"),
                  path);
  }
  StatusOr<SourceModel> model = is_bundle                     ? ReadOneOfBundle(split, options, limits)
                                : IsSavedModelDirectory(path) ? ReadSavedModelDirectory(path, options, limits)
                                : IsCheckpointModel(path) || !options.checkpoint.empty()
                                    ? ReadCheckpointModel(path, options, limits)
                                    : ReadGraphFile(path, options, limits);
  if (!model.ok()) return AtFile(model.status(), path);
  return model;
}

StatusOr<std::vector<SourceModel>> ReadBundle(const std::string& path, const Limits& limits) {
  const ModelPath split = SplitModelPath(path);
  std::vector<SourceModel> models;
  if (!split.name.empty()) {
    MOULIN_ASSIGN_OR_RETURN(SourceModel model, ReadModel(path, {}, limits));
    models.push_back(std::move(model));
    return models;
  }
  StatusOr<std::shared_ptr<BundleReader>> bundle = BundleReader::Open(path, limits);
  if (!bundle.ok()) return AtFile(bundle.status(), path);
  for (const std::string& name : (*bundle)->names()) {
    const Status read = ReadAllSignatures(*bundle, name, limits, &models);
    if (!read.ok()) return AtFile(read, absl::StrCat(path, ":", name));
  }
  return models;
}

}  // namespace moulin::internal
