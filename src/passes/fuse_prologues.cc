// Computes an elementwise step in the reduction that alone reads it: the Map becomes the reduction's prologue, and its
// operands inputs of the node. For devices whose reductions compute expressions as they read.
//
// Done where all shapes are known: by then the patterns that want a Map before a reduction (softmax, layer norm) have
// been found, and chains of Maps are one. Complex numbers are left, as no device computes them so.
#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "passes/pass.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

constexpr size_t kMaxPrologueInputs = 16;

class PrologueFuser {
 public:
  explicit PrologueFuser(const Graph& graph) : graph_(graph), uses_(UseCounts(graph)) {}

  // The Map that can be computed in the reduction, or null.
  const Node* FindMap(const Node& reduce) const {
    const ValueId x = reduce.inputs[0];
    const NodeId producer = graph_.value(x).producer;
    if (!reduce.attr<ReduceAttrs>().prologue.empty() || producer == kNoId || uses_[x] != 1) return nullptr;
    const Node& map = graph_.node(producer);
    if (map.kind != OpKind::kMap || map.inputs.empty() || map.inputs.size() > kMaxPrologueInputs) return nullptr;
    const auto is_known = [&](ValueId v) { return graph_.value(v).type.shape.IsFullyKnown(); };
    if (!is_known(x) || !std::all_of(map.inputs.begin(), map.inputs.end(), is_known)) return nullptr;
    const absl::Span<const Instr> instrs = map.attr<MapAttrs>().expr.instrs();
    const bool is_real = std::none_of(instrs.begin(), instrs.end(), [](const Instr& i) { return IsComplex(i.type); });
    return is_real ? &map : nullptr;
  }

 private:
  const Graph& graph_;
  const std::vector<int> uses_;
};

void Fuse(const Node& map, Node* reduce) {
  std::get<ReduceAttrs>(reduce->attrs).prologue = map.attr<MapAttrs>().expr;
  reduce->inputs[0] = map.inputs[0];
  reduce->inputs.insert(reduce->inputs.end(), map.inputs.begin() + 1, map.inputs.end());
}

}  // namespace

StatusOr<bool> FusePrologues(Graph* graph, const PassOptions& options) {
  if (!options.fuse_prologues) return false;
  const PrologueFuser fuser(*graph);
  bool changed = false;
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    Node& node = graph->node(id);
    if (node.kind != OpKind::kReduce) continue;
    const Node* map = fuser.FindMap(node);
    if (map == nullptr) continue;
    Fuse(*map, &node);
    changed = true;
  }
  if (changed) MOULIN_RETURN_IF_ERROR(graph->Compact());
  return changed;
}

}  // namespace moulin
