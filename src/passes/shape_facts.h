// What can be said of shapes known in part.
#ifndef MOULIN_PASSES_SHAPE_FACTS_H_
#define MOULIN_PASSES_SHAPE_FACTS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "ir/graph.h"
#include "moulin/shape.h"
#include "moulin/status.h"

namespace moulin {

// All that either shape says; false where they contradict each other.
bool Intersect(const PartialShape& a, const PartialShape& b, PartialShape* both);

// Whether the two are surely the same shape. Unknown sizes are equal to nothing.
bool SurelyEqual(const PartialShape& a, const PartialShape& b);

// Whether a tensor of shape `small` surely broadcasts to `big` without changing it: of no higher rank, and each of its
// sizes 1 or that of `big`.
bool SurelyBroadcastsTo(const PartialShape& small, const PartialShape& big);

// Whether a reshape from `from` to `to` (which have equally many elements) surely leaves the shape as it is. One size
// may be unknown in both, at the same place, when the others are equal and not zero.
bool SurelySameView(const PartialShape& from, const PartialShape& to);

// The operand that makes a Reshape give `shape`, with -1 for a size not known; false where more than one is not known
// or -1 would be ambiguous (another size is 0).
bool ReshapeOperand(const PartialShape& shape, std::vector<int64_t>* operand);

// The number of elements, or -1 where it is not known.
int64_t NumElements(const PartialShape& shape);

// How often each value is read, by nodes (each operand counts) and as an output of the graph.
std::vector<int> UseCounts(const Graph& graph);

// Narrows the type of `id` by `type`. E_SHAPE or E_DTYPE where they contradict each other; `changed` is set (never
// cleared) where something new was learnt.
Status RefineType(Graph* graph, ValueId id, const TensorType& type, bool* changed);

}  // namespace moulin

#endif  // MOULIN_PASSES_SHAPE_FACTS_H_
