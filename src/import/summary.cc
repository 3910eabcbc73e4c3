// What `moulin show` says of a graph.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/importer.h"
#include "import/kept.h"
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
  return IsPlaceholder(op) || IsConstant(op) || IsVariable(op) || FillsFromFile(op) || FindLowering(op) != nullptr;
}

// Lists what has no lowering among the nodes of `reach` and of the regions in it.
class Unsupported {
 public:
  Unsupported(FlatGraph* flat, ControlFlow* control, std::vector<UnsupportedNode>* found)
      : flat_(*flat), control_(*control), found_(*found) {}

  Status Add(const Reach& reach) {
    for (const Reach::Entry& entry : reach.order) {
      MOULIN_ASSIGN_OR_RETURN(const ControlUse* use, control_.Find(entry.node));
      if (use != nullptr) {
        MOULIN_RETURN_IF_ERROR(AddStructure(*use->structure));
        continue;
      }
      const std::string& op = flat_.def(entry.node).op();
      if (HasLowering(op)) continue;
      found_.push_back({flat_.name(entry.node), op, IsForbidden(op) ? "refused for safety" : "no lowering"});
    }
    return absl::OkStatus();
  }

 private:
  Status AddStructure(const ControlStructure& structure) {
    if (!seen_.insert(&structure).second) return absl::OkStatus();
    for (const Region& region : structure.regions) {
      MOULIN_ASSIGN_OR_RETURN(const Reach reach, ReachOfRegion(region, &flat_, &control_));
      MOULIN_RETURN_IF_ERROR(Add(reach));
    }
    return absl::OkStatus();
  }

  FlatGraph& flat_;
  ControlFlow& control_;
  std::vector<UnsupportedNode>& found_;
  absl::flat_hash_set<const ControlStructure*> seen_;
};

}  // namespace

StatusOr<GraphSummary> SummarizeGraph(const tf::GraphDef& graph_def, const Limits& limits) {
  GraphSummary summary;
  summary.ops = CountOps(graph_def);
  MOULIN_RETURN_IF_ERROR(CheckVersions(graph_def));
  FlatGraph flat;
  MOULIN_RETURN_IF_ERROR(flat.Init(graph_def, limits));
  StatusOr<std::vector<NamedFlatRef>> outputs = DefaultOutputs(flat);
  if (!outputs.ok()) return summary;
  ControlFlow control(&flat);
  MOULIN_ASSIGN_OR_RETURN(const std::vector<FlatRef> resolved, ResolveOutputs(&flat, &control, &*outputs));
  MOULIN_ASSIGN_OR_RETURN(const Reach reach, WalkBack(resolved, &flat, &control));
  summary.inputs = Names(DefaultInputs(flat, reach), flat);
  summary.outputs = Names(*outputs, flat);
  MOULIN_RETURN_IF_ERROR(Unsupported(&flat, &control, &summary.unsupported).Add(reach));
  return summary;
}

}  // namespace moulin
