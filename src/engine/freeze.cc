#include "engine/freeze.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/signature.h"
#include "engine/variable_source.h"
#include "formats/graphdef.h"
#include "formats/savedmodel.h"

namespace moulin::internal {
namespace {

// A graph and where its variables lie; "" where it has none.
struct Source {
  tf::MetaGraphDef meta_graph;
  std::string prefix;
};

StatusOr<Source> ReadSource(const std::string& path, const FreezeOptions& options, const Limits& limits) {
  Source source;
  if (IsSavedModelDirectory(path)) {
    MOULIN_ASSIGN_OR_RETURN(SavedModelFile file, ReadSavedModel(path, options.tags, limits));
    source.meta_graph = std::move(file.meta_graph);
    if (file.has_variables) source.prefix = file.directory + "/variables/variables";
  } else if (absl::EndsWith(path, ".meta") || IsCheckpoint(path)) {
    MOULIN_ASSIGN_OR_RETURN(source.prefix, FindCheckpoint(std::string(absl::StripSuffix(path, ".meta")), limits));
    MOULIN_ASSIGN_OR_RETURN(source.meta_graph, ReadMetaGraph(source.prefix + ".meta", limits));
  } else {
    MOULIN_ASSIGN_OR_RETURN(*source.meta_graph.mutable_graph_def(), ReadGraphDef(path, limits));
  }
  if (!options.checkpoint.empty()) {
    MOULIN_ASSIGN_OR_RETURN(source.prefix, FindCheckpoint(options.checkpoint, limits));
  }
  return source;
}

StatusOr<std::vector<std::string>> OutputsOf(const tf::MetaGraphDef& meta_graph, const FreezeOptions& options) {
  if (!options.outputs.empty()) return options.outputs;
  if (meta_graph.signature_def().empty()) {
    return MakeError(ErrorCode::kOutput, "the graph has no signature, so its outputs must be named");
  }
  MOULIN_ASSIGN_OR_RETURN(const Signature signature, FindSignature(meta_graph, options.signature));
  std::vector<std::string> outputs;
  for (const NamedTensorRef& output : signature.outputs) outputs.push_back(output.tensor);
  return outputs;
}

}  // namespace

StatusOr<tf::GraphDef> Freeze(const std::string& path, const FreezeOptions& options, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const Source source, ReadSource(path, options, limits));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> outputs, OutputsOf(source.meta_graph, options));
  std::optional<VariableSource> variables;
  if (!source.prefix.empty()) {
    MOULIN_ASSIGN_OR_RETURN(VariableSource opened, VariableSource::Open(source.prefix, source.meta_graph, limits));
    variables.emplace(std::move(opened));
  }
  return FreezeGraph(source.meta_graph.graph_def(), outputs, [&](const tf::NodeDef& node) -> StatusOr<Tensor> {
    if (!variables) return MakeError(ErrorCode::kFile, "no checkpoint with this variable's value is given");
    return variables->Read(node);
  });
}

}  // namespace moulin::internal
