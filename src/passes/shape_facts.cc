#include "passes/shape_facts.h"

#include "base/errors.h"

namespace moulin {

bool Intersect(const PartialShape& a, const PartialShape& b, PartialShape* both) {
  if (!a.has_rank() || !b.has_rank()) {
    *both = a.has_rank() ? a : b;
    return true;
  }
  if (a.rank() != b.rank()) return false;
  PartialShape result = a;
  for (int i = 0; i < a.rank(); ++i) {
    if (a.dim(i) == kUnknownDim) {
      result.set_dim(i, b.dim(i));
    } else if (b.dim(i) != kUnknownDim && b.dim(i) != a.dim(i)) {
      return false;
    }
  }
  *both = std::move(result);
  return true;
}

bool SurelyEqual(const PartialShape& a, const PartialShape& b) { return a.IsFullyKnown() && a == b; }

bool SurelyBroadcastsTo(const PartialShape& small, const PartialShape& big) {
  if (!small.has_rank()) return false;
  if (small.rank() == 0) return true;
  if (!big.has_rank() || small.rank() > big.rank()) return false;
  const int offset = big.rank() - small.rank();
  for (int i = 0; i < small.rank(); ++i) {
    if (small.dim(i) == 1) continue;
    if (small.dim(i) == kUnknownDim || small.dim(i) != big.dim(offset + i)) return false;
  }
  return true;
}

bool SurelySameView(const PartialShape& from, const PartialShape& to) {
  if (!from.has_rank() || !to.has_rank() || from.rank() != to.rank()) return false;
  int unknown = 0;
  bool has_zero = false;
  for (int i = 0; i < from.rank(); ++i) {
    if (from.dim(i) != to.dim(i)) return false;
    if (from.dim(i) == kUnknownDim) ++unknown;
    if (from.dim(i) == 0) has_zero = true;
  }
  return unknown == 0 || (unknown == 1 && !has_zero);
}

bool ReshapeOperand(const PartialShape& shape, std::vector<int64_t>* operand) {
  if (!shape.has_rank()) return false;
  int unknown = 0;
  bool has_zero = false;
  for (const int64_t dim : shape.dims()) {
    if (dim == kUnknownDim) ++unknown;
    if (dim == 0) has_zero = true;
  }
  if (unknown > 1 || (unknown == 1 && has_zero)) return false;
  operand->assign(shape.dims().begin(), shape.dims().end());
  static_assert(kUnknownDim == -1, "an unknown size is already what Reshape takes for one to be computed");
  return true;
}

int64_t NumElements(const PartialShape& shape) { return shape.IsFullyKnown() ? shape.ToShape().num_elements() : -1; }

std::vector<int> UseCounts(const Graph& graph) {
  std::vector<int> counts(graph.num_values(), 0);
  for (const Node& node : graph.nodes()) {
    for (const ValueId input : node.inputs) ++counts[input];
  }
  for (const GraphOutput& output : graph.outputs()) ++counts[output.value];
  return counts;
}

Status RefineType(Graph* graph, ValueId id, const TensorType& type, bool* changed) {
  TensorType& known = graph->value(id).type;
  if (known.dtype != type.dtype) {
    return MakeError(ErrorCode::kDType, "value \"", Printable(graph->value(id).name()), "\": expected ",
                     Name(known.dtype), ", found ", Name(type.dtype));
  }
  PartialShape both;
  if (!Intersect(known.shape, type.shape, &both)) {
    return MakeError(ErrorCode::kShape, "value \"", Printable(graph->value(id).name()), "\": expected ",
                     known.shape.ToString(), ", found ", type.shape.ToString());
  }
  if (both == known.shape) return absl::OkStatus();
  known.shape = std::move(both);
  *changed = true;
  return absl::OkStatus();
}

}  // namespace moulin
