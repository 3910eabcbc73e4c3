#include "engine/meta_graph_source.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/assets.h"
#include "engine/init_op.h"
#include "engine/signature.h"
#include "engine/variable_source.h"
#include "formats/graphdef.h"
#include "formats/savedmodel.h"
#include "import/import.h"
#include "moulin/bundle.h"

namespace moulin::internal {
namespace {

constexpr char kMetaSuffix[] = ".meta";

using Variables = std::function<StatusOr<Tensor>(const tf::NodeDef&)>;

StatusOr<Variables> OpenVariables(const std::string& prefix, const tf::MetaGraphDef& meta_graph, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(VariableSource opened, VariableSource::Open(prefix, meta_graph, limits));
  auto source = std::make_shared<VariableSource>(std::move(opened));
  return Variables([source](const tf::NodeDef& node) { return source->Read(node); });
}

// TensorFlow leaves the folder out where there are no variables; where some are used after all, it is missing.
StatusOr<Variables> VariablesOf(const MetaGraphFile& file, const Limits& limits) {
  if (file.has_variables) return OpenVariables(file.variables, file.meta_graph, limits);
  return Variables([prefix = file.variables](const tf::NodeDef&) -> StatusOr<Tensor> {
    return MakeError(ErrorCode::kFile, "the variables of the SavedModel are missing: there is no ", Printable(prefix),
                     ".index");
  });
}

StatusOr<SourceModel> Import(MetaGraphFile file, const std::string& path, const ModelOptions& options,
                             const Limits& limits, Variables variables) {
  tf::MetaGraphDef& meta_graph = file.meta_graph;
  MOULIN_RETURN_IF_ERROR(CheckInitOp(meta_graph));
  ImportOptions import_options;
  if (!file.assets.empty()) import_options.read_asset = AssetReader(file.assets, &meta_graph, limits);
  import_options.inputs = Refs(options.inputs);
  import_options.outputs = Refs(options.outputs);
  import_options.limits = limits;
  import_options.external_constant = std::move(variables);
  // Tensors given by name need no signature, unless one is asked for.
  std::string key;
  if (!options.signature.empty() || options.outputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(Signature signature, FindSignature(meta_graph, options.signature));
    if (options.inputs.empty() && options.outputs.empty()) key = signature.key;
    if (options.inputs.empty()) import_options.inputs = std::move(signature.inputs);
    if (options.outputs.empty()) import_options.outputs = std::move(signature.outputs);
  }
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Graph> graph,
                          ImportGraph(std::move(*meta_graph.mutable_graph_def()), import_options));
  if (!key.empty()) MOULIN_RETURN_IF_ERROR(CheckDeclared(meta_graph.signature_def().at(key), key, *graph));
  return SourceModel{options.name.empty() ? DefaultModelName(path) : options.name, std::move(graph)};
}

}  // namespace

Status NoSignatureError() {
  return MakeError(ErrorCode::kOutput, "the graph has no signature, so its outputs must be named");
}

Status RefuseBundle(const std::string& path) {
  const ModelPath split = SplitModelPath(path);
  if (split.name.empty() && !absl::EndsWith(split.file, ".moulin")) return absl::OkStatus();
  return AtFile(MakeError(ErrorCode::kWrongType, "is a bundle, whose models are frozen and have their signatures; ",
                          "expected a SavedModel, a checkpoint with its .meta graph, or a GraphDef"),
                path);
}

namespace {

StatusOr<MetaGraphFile> ReadWithOwnVariables(const std::string& path, const std::vector<std::string>& tags,
                                             const Limits& limits) {
  MetaGraphFile result;
  if (IsSavedModelDirectory(path)) {
    MOULIN_ASSIGN_OR_RETURN(SavedModelFile file, ReadSavedModel(path, tags, limits));
    result.meta_graph = std::move(file.meta_graph);
    result.variables = file.directory + "/variables/variables";
    result.assets = file.directory + "/assets";
    result.has_variables = file.has_variables;
  } else if (IsCheckpointModel(path)) {
    MOULIN_ASSIGN_OR_RETURN(result.variables,
                            FindCheckpoint(std::string(absl::StripSuffix(path, kMetaSuffix)), limits));
    MOULIN_ASSIGN_OR_RETURN(result.meta_graph, ReadMetaGraph(absl::StrCat(result.variables, kMetaSuffix), limits));
  } else {
    MOULIN_RETURN_IF_ERROR(RefuseBundle(path));
    MOULIN_ASSIGN_OR_RETURN(*result.meta_graph.mutable_graph_def(), ReadGraphDef(path, limits));
    result.has_variables = false;
  }
  return result;
}

}  // namespace

StatusOr<MetaGraphFile> ReadMetaGraphFile(const std::string& path, const std::vector<std::string>& tags,
                                          const std::string& checkpoint, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(MetaGraphFile result, ReadWithOwnVariables(path, tags, limits));
  if (checkpoint.empty()) return result;
  MOULIN_ASSIGN_OR_RETURN(result.variables, FindCheckpoint(checkpoint, limits));
  result.has_variables = true;
  return result;
}

StatusOr<SourceModel> ReadSavedModelDirectory(const std::string& path, const ModelOptions& options,
                                              const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(MetaGraphFile file, ReadMetaGraphFile(path, options.tags, options.checkpoint, limits));
  MOULIN_ASSIGN_OR_RETURN(Variables variables, VariablesOf(file, limits));
  return Import(std::move(file), path, options, limits, std::move(variables));
}

bool IsCheckpointModel(const std::string& path) { return absl::EndsWith(path, kMetaSuffix) || IsCheckpoint(path); }

StatusOr<SourceModel> ReadCheckpointModel(const std::string& path, const ModelOptions& options, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(MetaGraphFile file, ReadMetaGraphFile(path, options.tags, options.checkpoint, limits));
  if (options.outputs.empty() && options.signature.empty() && file.meta_graph.signature_def().empty()) {
    return NoSignatureError();
  }
  MOULIN_ASSIGN_OR_RETURN(Variables variables, VariablesOf(file, limits));
  return Import(std::move(file), path, options, limits, std::move(variables));
}

}  // namespace moulin::internal
