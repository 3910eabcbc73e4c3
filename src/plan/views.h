// Views: nodes that only give their operand's elements another shape or type, and so need no step of a plan.
#ifndef MOULIN_PLAN_VIEWS_H_
#define MOULIN_PLAN_VIEWS_H_

#include <cstdint>
#include <vector>

#include "ir/graph.h"

namespace moulin {

// Whether output 0 of `node` has the elements of input 0 (Reshape, Squeeze, ExpandDims, Bitcast to a type of the same
// size), both of known shape.
bool IsView(const Graph& graph, const Node& node);

// For each value, the value whose elements it shares: itself, unless it is a view (of a view...).
std::vector<ValueId> ViewRoots(const Graph& graph);

// Bytes of a value's elements; 0 where they have no fixed size (strings) or the shape is not known.
int64_t ValueBytes(const Graph& graph, ValueId value);

}  // namespace moulin

#endif  // MOULIN_PLAN_VIEWS_H_
