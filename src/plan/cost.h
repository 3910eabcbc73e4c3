// A rough guess of how long a node takes, to decide which branches are worth a lane of their own.
#ifndef MOULIN_PLAN_COST_H_
#define MOULIN_PLAN_COST_H_

#include "ir/graph.h"

namespace moulin {

// Nanoseconds, about, on a few cores: the larger of arithmetic and memory traffic. Shapes must be known; where they are
// not, the guess is small.
double EstimateCostNs(const Graph& graph, const Node& node);

}  // namespace moulin

#endif  // MOULIN_PLAN_COST_H_
