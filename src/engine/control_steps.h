// Choices and loops that a device runs by itself, as steps of a plan.
#ifndef MOULIN_ENGINE_CONTROL_STEPS_H_
#define MOULIN_ENGINE_CONTROL_STEPS_H_

#include <vector>

#include "device/device.h"
#include "ir/graph.h"
#include "passes/pass.h"

namespace moulin::internal {

// The nodes of `graph`, which has been specialised, that are choices and loops and that `device` has a kernel for. The
// graphs within them are specialised for the shapes of their operands in the same way, and within those again; where
// shapes change from one iteration to the next or depend on data, or the host would have a part, the node is left as it
// is: it is driven from the host then, which finds out what is wrong, if anything is, where it runs.
std::vector<NodeId> FindControlSteps(Device& device, const PassOptions& passes, Graph* graph);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_CONTROL_STEPS_H_
