// Where nodes of TensorFlow 1's control flow lie: in which branches of which choices, in which loops.
#ifndef MOULIN_IMPORT_CONTROL_CONTEXT_H_
#define MOULIN_IMPORT_CONTROL_CONTEXT_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "import/flat_graph.h"
#include "moulin/status.h"

namespace moulin {

bool IsSwitch(absl::string_view op);  // _SwitchN too, which chooses by a number among more than two
bool IsMerge(absl::string_view op);
bool IsEnter(absl::string_view op);
bool IsExit(absl::string_view op);
bool IsNextIteration(absl::string_view op);

// Contexts form a tree; number 0 is the graph itself. A node lies in the deepest of the contexts that its inputs (data
// and control) come from. Not thread-safe.
class ControlContexts {
 public:
  static constexpr int kRoot = 0;
  struct Context {
    int parent = -1;
    int depth = 0;
    bool is_loop = false;
    FlatRef predicate;     // of a branch
    int side = 0;          // of a branch: the output of the Switches that lead to it, 0 where the predicate is false
    int sides = 2;         // of a branch: how many the choice has
    bool by_truth = true;  // of a branch: chosen by a truth value, not by its number
    std::string frame;     // of a loop
  };

  explicit ControlContexts(FlatGraph* graph);

  const Context& context(int id) const { return contexts_[id]; }
  // The context that a node itself lies in; that of a Switch or an Enter is the one around what it leads to.
  StatusOr<int> OfNode(int node);
  // The context that a tensor can be read in.
  StatusOr<int> OfTensor(FlatRef ref);
  // Whether `id` is `outer` or within it.
  bool IsWithin(int id, int outer) const;

  // Another branch of the same choice.
  int BranchBeside(int branch, int side);

  // Whether a Merge begins a loop's iteration, and a Switch ends one.
  StatusOr<bool> IsLoopMerge(int merge);
  StatusOr<bool> IsLoopSwitch(int node);

 private:
  static constexpr int kOpen = -1;  // of a node that is being looked at
  struct Origin {
    int node = 0;
    std::vector<FlatRef> data;
    std::vector<int> control;
    size_t next = 0;  // to be looked at
  };
  Status Origins(int node, Origin* origin);
  StatusOr<int> FromOrigins(int node, const Origin& origin);
  int Child(int parent, Context child);
  StatusOr<FlatRef> WithoutIdentities(FlatRef ref);

  FlatGraph& graph_;
  std::vector<Context> contexts_;
  const bool has_any_;
  absl::flat_hash_map<std::string, int> children_;
  absl::flat_hash_map<int, int> of_node_;
};

}  // namespace moulin

#endif  // MOULIN_IMPORT_CONTROL_CONTEXT_H_
