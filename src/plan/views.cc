#include "plan/views.h"

namespace moulin {

bool IsView(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.size() != 1) return false;
  const TensorType& from = graph.value(node.inputs[0]).type;
  const TensorType& to = graph.value(node.outputs[0]).type;
  if (!from.shape.IsFullyKnown() || !to.shape.IsFullyKnown()) return false;
  switch (node.kind) {
    case OpKind::kReshape:
    case OpKind::kSqueeze:
    case OpKind::kExpandDims:
      return from.dtype == to.dtype;
    case OpKind::kBitcast:
      return SizeOf(from.dtype) == SizeOf(to.dtype) && SizeOf(to.dtype) > 0;
    default:
      return false;
  }
}

std::vector<ValueId> ViewRoots(const Graph& graph) {
  std::vector<ValueId> roots(graph.num_values());
  for (ValueId v = 0; v < graph.num_values(); ++v) roots[v] = v;
  for (const Node& node : graph.nodes()) {
    if (IsView(graph, node)) roots[node.outputs[0]] = roots[node.inputs[0]];
  }
  return roots;
}

int64_t ValueBytes(const Graph& graph, ValueId value) {
  const TensorType& type = graph.value(value).type;
  if (!type.shape.IsFullyKnown()) return 0;
  return type.shape.ToShape().num_elements() * static_cast<int64_t>(SizeOf(type.dtype));
}

}  // namespace moulin
