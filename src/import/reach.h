// What the outputs need: the nodes of the flat graph in topological order.
#ifndef MOULIN_IMPORT_REACH_H_
#define MOULIN_IMPORT_REACH_H_

#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "import/flat_graph.h"
#include "moulin/status.h"

namespace moulin {

class ControlFlow;

struct Reach {
  struct Entry {
    int node;
    int64_t first_input;  // where its inputs start in `inputs`
    int num_inputs;
  };
  std::vector<Entry> order;  // each after those it reads
  std::vector<FlatRef> inputs;

  absl::Span<const FlatRef> inputs_of(const Entry& entry) const {
    return absl::MakeConstSpan(inputs).subspan(entry.first_input, entry.num_inputs);
  }
};

// Whether a walk is to stop at a reference, and leave it to others what is behind.
using StopsAt = std::function<StatusOr<bool>(FlatRef)>;

// Walks back from `outputs` (resolved), stopping at fed tensors and where `stops_at` (which may be null) says. A choice
// or a loop is passed as one node that reads its operands. Opens the calls on the way. E_CYCLE listing the nodes, and
// the errors of ControlFlow::Inputs. Iterative, linear in what is reached.
StatusOr<Reach> WalkBack(absl::Span<const FlatRef> outputs, FlatGraph* graph, ControlFlow* control,
                         const StopsAt& stops_at = nullptr);

}  // namespace moulin

#endif  // MOULIN_IMPORT_REACH_H_
