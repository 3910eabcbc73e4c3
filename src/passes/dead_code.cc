// Drops nodes and values that no output needs. Inputs of the graph stay, read or not.
#include "base/status_macros.h"
#include "passes/pass.h"

namespace moulin {

StatusOr<bool> EliminateDeadCode(Graph* graph, const PassOptions& options) {
  (void)options;
  const int num_values = graph->num_values();
  const int num_nodes = graph->num_nodes();
  MOULIN_RETURN_IF_ERROR(graph->Compact());
  return graph->num_values() != num_values || graph->num_nodes() != num_nodes;
}

}  // namespace moulin
