// What `moulin show` says of a graph.
#include <algorithm>

#include "base/errors.h"
#include "base/status_macros.h"
#include "import/importer.h"
#include "import/lowering.h"

namespace moulin {
namespace {

std::vector<NamedTensorRef> Names(absl::Span<const NamedFlatRef> refs, const FlatGraph& graph) {
  std::vector<NamedTensorRef> names;
  for (const NamedFlatRef& ref : refs) names.push_back({ref.name, graph.tensor_name(ref.ref)});
  return names;
}

std::vector<std::pair<std::string, int>> CountOps(const tf::GraphDef& graph_def) {
  absl::flat_hash_map<absl::string_view, int> counts;
  for (const tf::NodeDef& node : graph_def.node()) ++counts[node.op()];
  for (const tf::FunctionDef& function : graph_def.library().function()) {
    for (const tf::NodeDef& node : function.node_def()) ++counts[node.op()];
  }
  std::vector<std::pair<std::string, int>> ops(counts.begin(), counts.end());
  std::sort(ops.begin(), ops.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return ops;
}

// By name alone: what a lowering refuses for its attributes is found at import.
bool HasLowering(absl::string_view op) {
  return IsPlaceholder(op) || IsConstant(op) || IsVariable(op) || FindLowering(op) != nullptr;
}

}  // namespace

StatusOr<GraphSummary> SummarizeGraph(const tf::GraphDef& graph_def, const Limits& limits) {
  GraphSummary summary;
  summary.ops = CountOps(graph_def);
  MOULIN_RETURN_IF_ERROR(CheckVersions(graph_def));
  FlatGraph flat;
  MOULIN_RETURN_IF_ERROR(flat.Init(graph_def, limits));
  const StatusOr<std::vector<NamedFlatRef>> outputs = DefaultOutputs(flat);
  if (!outputs.ok()) return summary;
  std::vector<FlatRef> resolved;
  for (const NamedFlatRef& output : *outputs) {
    MOULIN_ASSIGN_OR_RETURN(const FlatRef ref, flat.Resolve(output.ref));
    resolved.push_back(ref);
  }
  MOULIN_ASSIGN_OR_RETURN(const Reach reach, WalkBack(resolved, &flat));
  summary.inputs = Names(DefaultInputs(flat, reach), flat);
  summary.outputs = Names(*outputs, flat);
  for (const int node : reach.order) {
    const std::string& op = flat.def(node).op();
    if (HasLowering(op)) continue;
    summary.unsupported.push_back({flat.name(node), op, IsForbidden(op) ? "refused for safety" : "no lowering"});
  }
  return summary;
}

}  // namespace moulin
