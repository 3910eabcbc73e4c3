// Control flow: graphs within a graph (OpKind::kCase, OpKind::kWhile).
#ifndef MOULIN_OPS_CONTROL_H_
#define MOULIN_OPS_CONTROL_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/limits.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

inline bool HasRegions(OpKind kind) { return kind == OpKind::kCase || kind == OpKind::kWhile; }

// What a tensor of either shape is sure to have: sizes that differ are unknown, as is a rank that does.
PartialShape CommonShape(const PartialShape& a, const PartialShape& b);

// The types that `region` gives for arguments of these types. E_ARITY for another number of them.
StatusOr<std::vector<TensorType>> InferRegion(const Graph& region, absl::Span<const TensorType> args,
                                              const Limits& limits);

// Widens `types`, of a loop's variables or a choice's results, by those that another iteration or branch gives: true
// where anything had to be widened. E_DTYPE where a type differs, E_ARITY for another number of them.
StatusOr<bool> WidenTypes(absl::Span<const TensorType> others, std::vector<TensorType>* types);

// The variables that a loop's body does not hand on as they are, which become its only outputs.
std::vector<int> KeepChangedVariables(Graph* body);

// Which branch an index chooses.
int BranchOf(int64_t index, int num_branches);

}  // namespace moulin

#endif  // MOULIN_OPS_CONTROL_H_
