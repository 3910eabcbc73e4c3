// A GraphDef with its functions inlined on demand.
//
// Nothing is copied: a call becomes a scope whose nodes are those of the function's body, and a reference to an output
// of the call, or in the body to an argument, is followed to the node that computes it. Only what the outputs need is
// ever opened.
#ifndef MOULIN_IMPORT_FLAT_GRAPH_H_
#define MOULIN_IMPORT_FLAT_GRAPH_H_

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/errors.h"
#include "base/limits.h"
#include "import/functions.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin {

// An output of a node. Nodes of the GraphDef itself have their number there; nodes of inlined functions come after.
struct FlatRef {
  int node = -1;
  int port = 0;
  friend bool operator==(const FlatRef&, const FlatRef&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FlatRef& ref) {
    return H::combine(std::move(h), ref.node, ref.port);
  }
};

// A part of the graph that becomes a graph of its own: a branch, or a loop's condition or body.
struct Region {
  std::string name;
  int num_args = 0;
  std::vector<std::pair<FlatRef, int>> bindings;  // what stands for an argument in it, and the argument's number
  std::vector<FlatRef> results;                   // resolved
};

// Not thread-safe. The GraphDef must outlive it.
class FlatGraph {
 public:
  // Checks names (E_NAME, E_DUP) and sizes (E_LIMIT) of the graph; nothing else is judged before it is needed.
  Status Init(const tf::GraphDef& graph, const Limits& limits);

  const Limits& limits() const { return limits_; }
  const tf::GraphDef& graph() const { return *graph_; }
  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  int num_graph_nodes() const { return graph_->node_size(); }
  bool IsInGraph(int node) const { return node < num_graph_nodes(); }
  // The node, the placeholders among its attributes replaced by what the call gives for them.
  const tf::NodeDef& def(int node) const { return *nodes_[node].def; }
  std::string name(int node) const;            // "call/inner" for a node of a function's body
  std::string tensor_name(FlatRef ref) const;  // "call/inner:0"
  // `status` with the node's name and op.
  Status At(const Status& status, int node) const;

  int FindNode(absl::string_view name) const;  // of the graph itself; -1 where there is none
  std::vector<absl::string_view> NodeNames() const;
  // The tensor of the graph with this name, not yet resolved. An error of `code` with the closest names where there is
  // no such node.
  StatusOr<FlatRef> FindTensor(absl::string_view name, ErrorCode code) const;

  // The value of `ref` is given from outside: Resolve stops there.
  void Feed(FlatRef ref) { fed_.insert(ref); }
  bool IsFed(FlatRef ref) const { return !fed_.empty() && fed_.contains(ref); }

  // Follows `ref` through calls to what computes it. E_PORT, E_FUNC, E_RECURSION, E_LIMIT, E_CYCLE...
  StatusOr<FlatRef> Resolve(FlatRef ref);
  // Appends the resolved data inputs of a node; checks that its control inputs exist. A lookup table reads the keys and
  // values that the graph fills it with, and its readers read both; a node that fills one from a file reads the name.
  Status Inputs(int node, std::vector<FlatRef>* inputs);

  // The table that a node fills which Inputs gave as what fills one.
  int TableFilledBy(int node) const { return filled_.at(node); }

  // Appends the nodes that a node must wait for.
  Status ControlInputs(int node, std::vector<int>* nodes) const;

  // Opens the body of a function that `node` names (a branch of an If...), with arguments of its own.
  StatusOr<Region> OpenRegion(int node, const tf::NameAttrList& function);

  // How many outputs a node has; -1 where its op is unknown.
  StatusOr<int> NumOutputs(int node) const;
  // The outputs of calls that have been followed, and what computes them.
  std::vector<std::pair<FlatRef, FlatRef>> CallOutputs() const;

 private:
  Status AppendInput(int node, const std::string& input, std::vector<FlatRef>* inputs);
  // Of lookup tables; in lookup_tables.cc.
  Status AppendTableInputs(int table, std::vector<FlatRef>* inputs);
  std::vector<bool> FunctionsThatFill() const;
  Status IndexFillers();
  Status IndexFiller(int node);
  StatusOr<std::pair<int, int>> OpenedBy(int call);
  std::string TableKey(int table) const;

  static constexpr int kUnresolved = -1;
  static constexpr int kResolving = -2;

  struct FlatNode {
    const tf::NodeDef* def;
    int scope;
    int opened = -1;  // for a call: its scope, once it has been opened
  };
  // An inlined call; scope 0 is the graph itself.
  struct Scope {
    int call = -1;
    int function = -1;
    int first_node = 0;
    int first_arg = -1;               // of a region: its arguments are nodes too
    std::vector<int> arg_offsets;     // for each argument of the function, the call's input it starts at
    std::vector<TensorSpec> returns;  // the function's results
    std::vector<FlatRef> outputs;     // resolved, one a result; node is kUnresolved or kResolving before
  };

  Status CheckGraphNodes();
  StatusOr<int> OpenScope(int call, int function);
  StatusOr<int> AddScope(int call, int function, const google::protobuf::Map<std::string, tf::AttrValue>& attrs);
  void AddArguments(int scope, absl::Span<const TensorSpec> args);
  const tf::NodeDef* Substituted(const tf::NodeDef& def,
                                 const google::protobuf::Map<std::string, tf::AttrValue>& attrs);
  StatusOr<FlatRef> ParseInScope(int scope, absl::string_view text) const;
  StatusOr<FlatRef> ParseInBody(int scope, absl::string_view text) const;
  StatusOr<int> OutputPort(const tf::NodeDef& node, absl::string_view output, int index) const;
  StatusOr<FlatRef> ParseReturn(int scope, int port) const;
  Status CheckControl(int node, absl::string_view input) const;

  const tf::GraphDef* graph_ = nullptr;
  Limits limits_;
  FunctionLibrary library_;
  std::vector<FlatNode> nodes_;
  std::vector<Scope> scopes_;
  absl::flat_hash_map<absl::string_view, int> by_name_;
  absl::flat_hash_set<FlatRef> fed_;
  std::deque<tf::NodeDef> substituted_;  // nodes that are not in the file as they are
  bool fillers_indexed_ = false;
  absl::flat_hash_map<std::string, int> fillers_;  // by the table's key
  absl::flat_hash_map<int, int> filled_;           // the table that a node fills
  int64_t expanded_nodes_ = 0;
};

}  // namespace moulin

#endif  // MOULIN_IMPORT_FLAT_GRAPH_H_
