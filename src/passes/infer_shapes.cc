// Infers the type of every value anew, in order. What was known of a shape before is kept: the result is what the
// declared and the inferred shape say together. E_SHAPE, naming the node, where they contradict each other.
#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/op_def.h"
#include "passes/pass.h"
#include "passes/shape_facts.h"

namespace moulin {

StatusOr<bool> InferShapes(Graph* graph, const PassOptions& options) {
  bool changed = false;
  std::vector<TensorType> types;
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    const Node& node = graph->node(id);
    types.clear();
    MOULIN_RETURN_IF_ERROR(InferNode(*graph, node, options.limits, &types));
    for (size_t port = 0; port < types.size(); ++port) {
      const Status status = RefineType(graph, node.outputs[port], types[port], &changed);
      MOULIN_RETURN_IF_ERROR(AtNode(status, node.name, node.tf_op));
    }
  }
  return changed;
}

}  // namespace moulin
