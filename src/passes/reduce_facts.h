// What the patterns of normalisations ask of reductions.
#ifndef MOULIN_PASSES_REDUCE_FACTS_H_
#define MOULIN_PASSES_REDUCE_FACTS_H_

#include "ir/graph.h"

namespace moulin {

// The operand of a reduction by `op` over the innermost axis alone that keeps that axis (with size 1); kNoId where
// `reduce` is another reduction or null.
ValueId ReducedLast(const Graph& graph, const Node* reduce, ReduceOp op);

}  // namespace moulin

#endif  // MOULIN_PASSES_REDUCE_FACTS_H_
