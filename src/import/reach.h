// What the outputs need: the nodes of the flat graph in topological order.
#ifndef MOULIN_IMPORT_REACH_H_
#define MOULIN_IMPORT_REACH_H_

#include <vector>

#include "absl/types/span.h"
#include "import/flat_graph.h"
#include "moulin/status.h"

namespace moulin {

struct Reach {
  std::vector<int> order;            // nodes, each after those it reads (but for NextIterations, which close loops)
  std::vector<int64_t> first_input;  // by node: where its inputs start in `inputs`
  std::vector<int> num_inputs;       // by node
  std::vector<FlatRef> inputs;

  absl::Span<const FlatRef> inputs_of(int node) const {
    return absl::MakeConstSpan(inputs).subspan(first_input[node], num_inputs[node]);
  }
};

// Walks back from `outputs` (resolved), stopping at fed tensors. Opens the calls on the way. E_CYCLE listing the nodes,
// and the errors of FlatGraph::Inputs. Iterative, linear in what is reached.
StatusOr<Reach> WalkBack(absl::Span<const FlatRef> outputs, FlatGraph* graph);

}  // namespace moulin

#endif  // MOULIN_IMPORT_REACH_H_
