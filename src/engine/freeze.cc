#include "engine/freeze.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/meta_graph_source.h"
#include "engine/signature.h"
#include "engine/variable_source.h"

namespace moulin::internal {
namespace {

StatusOr<std::vector<std::string>> OutputsOf(const tf::MetaGraphDef& meta_graph, const FreezeOptions& options) {
  if (!options.outputs.empty()) return options.outputs;
  if (meta_graph.signature_def().empty()) return NoSignatureError();
  MOULIN_ASSIGN_OR_RETURN(const Signature signature, FindSignature(meta_graph, options.signature));
  std::vector<std::string> outputs;
  for (const NamedTensorRef& output : signature.outputs) outputs.push_back(output.tensor);
  return outputs;
}

}  // namespace

StatusOr<tf::GraphDef> Freeze(const std::string& path, const FreezeOptions& options, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const MetaGraphFile source,
                          ReadMetaGraphFile(path, options.tags, options.checkpoint, limits));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> outputs, OutputsOf(source.meta_graph, options));
  std::optional<VariableSource> variables;
  if (source.has_variables) {
    MOULIN_ASSIGN_OR_RETURN(VariableSource opened, VariableSource::Open(source.variables, source.meta_graph, limits));
    variables.emplace(std::move(opened));
  }
  return FreezeGraph(source.meta_graph.graph_def(), outputs, [&](const tf::NodeDef& node) -> StatusOr<Tensor> {
    if (!variables) return MakeError(ErrorCode::kFile, "no checkpoint with this variable's value is given");
    return variables->Read(node);
  });
}

}  // namespace moulin::internal
