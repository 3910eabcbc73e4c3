// Control flow of either kind, as graphs within graphs: If, While and Case, which name functions, and the Switch,
// Merge, Enter, Exit and NextIteration nodes of TensorFlow 1, among which the branches and loops must be found.
#ifndef MOULIN_IMPORT_CONTROL_FLOW_H_
#define MOULIN_IMPORT_CONTROL_FLOW_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "import/control_context.h"
#include "import/flat_graph.h"
#include "import/reach.h"
#include "moulin/status.h"

namespace moulin {

// A choice among branches, or a loop.
struct ControlStructure {
  bool is_loop = false;
  // What it reads, in the graph around it. Of a choice the first one chooses; the others are the regions' arguments.
  std::vector<FlatRef> operands;
  std::vector<Region> regions;    // of a choice its branches, of a loop its condition and its body
  bool by_truth = false;          // the first operand is a truth value: branch 0 is for false
  std::vector<int> merge_inputs;  // of a Merge: the input that each branch leads to, which is one more result
};

// A node whose outputs are results of a structure.
struct ControlUse {
  const ControlStructure* structure;
  std::vector<int> results;  // for each output of the node
};

// Not thread-safe. The graph must outlive it.
class ControlFlow {
 public:
  explicit ControlFlow(FlatGraph* graph) : graph_(*graph), contexts_(graph) {}

  // What `node` is a part of, or null where it is an ordinary node. Errors for control flow that does not fit together:
  // E_FUNC, E_ARITY, E_UNSUPPORTED, E_LIMIT for nesting too deep.
  StatusOr<const ControlUse*> Find(int node);
  // Appends what a node reads: the operands of its structure, or its inputs.
  Status Inputs(int node, std::vector<FlatRef>* inputs);
  // Whether an output of the graph lies within a branch or a loop, where it may have no value or several.
  StatusOr<bool> IsInside(FlatRef ref);

 private:
  // A loop of nodes, by its context: which variable begins with which Merge.
  struct Loop {
    const ControlStructure* structure = nullptr;
    absl::flat_hash_map<int, int> variables;
  };
  friend class LoopFinder;

  StatusOr<std::unique_ptr<ControlUse>> Make(int node);
  // Of functions.
  StatusOr<std::unique_ptr<ControlUse>> MakeIf(int node);
  StatusOr<std::unique_ptr<ControlUse>> MakeCase(int node);
  StatusOr<std::unique_ptr<ControlUse>> MakeWhile(int node);
  StatusOr<std::unique_ptr<ControlUse>> MakeBranches(int node, absl::Span<const tf::NameAttrList* const> functions);
  StatusOr<Region> FunctionRegion(int node, const tf::NameAttrList& function, int num_args);
  // Of nodes; in control_raise.cc.
  StatusOr<std::unique_ptr<ControlUse>> MakeMerge(int merge);
  StatusOr<std::vector<int>> InputsOfSides(int branch, absl::Span<const FlatRef> inputs);
  Status AddBranch(int context, FlatRef result, ControlStructure* choice);
  StatusOr<std::unique_ptr<ControlUse>> MakeExit(int exit);
  Status FindLoop(int context, int loop_cond, Loop* loop);
  void IndexExits();
  // Walks back from `results` within `context`; appends the references at which the walk leaves it.
  Status WalkWithin(int context, absl::Span<const FlatRef> results, std::vector<FlatRef>* outside);
  StatusOr<bool> IsOfLoop(int node, int context);
  StatusOr<FlatRef> ValueOutside(FlatRef ref, int context);

  FlatGraph& graph_;
  ControlContexts contexts_;
  absl::flat_hash_map<int, std::unique_ptr<ControlUse>> uses_;  // by node
  std::vector<std::unique_ptr<ControlStructure>> structures_;
  absl::node_hash_map<int, Loop> loops_;                // by context; finding one may find others within it
  absl::flat_hash_map<int, std::vector<int>> leaving_;  // by context: the Merges whose variables an Exit leads out
  int indexed_ = 0;                                     // nodes that IndexExits has seen
  int depth_ = 0;
};

// The ops of control flow, functions' and nodes'.
absl::Span<const absl::string_view> ControlFlowOps();

// What the results of a region need, up to its arguments.
StatusOr<Reach> ReachOfRegion(const Region& region, FlatGraph* graph, ControlFlow* control);

}  // namespace moulin

#endif  // MOULIN_IMPORT_CONTROL_FLOW_H_
