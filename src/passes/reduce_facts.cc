#include "passes/reduce_facts.h"

#include "ops/graph_builder.h"

namespace moulin {

ValueId ReducedLast(const Graph& graph, const Node* reduce, ReduceOp op) {
  if (reduce == nullptr) return kNoId;
  const ReduceAttrs& attrs = reduce->attr<ReduceAttrs>();
  const Tensor& axes = graph.value(reduce->inputs[1]).constant;
  if (attrs.op != op || !attrs.keep_dims || !attrs.prologue.empty() || !axes.is_valid() || axes.num_elements() != 1)
    return kNoId;
  const StatusOr<std::vector<int64_t>> values = IntValues(axes);
  if (!values.ok()) return kNoId;
  const int rank = graph.value(reduce->inputs[0]).type.shape.rank();
  const int64_t axis = values->front();
  return axis == -1 || (rank > 0 && axis == rank - 1) ? reduce->inputs[0] : kNoId;
}

}  // namespace moulin
