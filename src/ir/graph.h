// The intermediate representation: a graph of primitives over typed values.
//
// A graph is in SSA form. Values are graph inputs, constants or outputs of nodes, known by dense ids; nodes are kept
// in topological order. Ids stay valid until Compact(). Names serve messages, profiles and comparisons:
// every value keeps the names of the TensorFlow tensors that it stands for, through every pass.
#ifndef MOULIN_IR_GRAPH_H_
#define MOULIN_IR_GRAPH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ir/attrs.h"
#include "ir/op_kind.h"
#include "moulin/dtype.h"
#include "moulin/precision.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

using ValueId = int32_t;
using NodeId = int32_t;
inline constexpr int32_t kNoId = -1;

struct TensorType {
  DType dtype = DType::kInvalid;
  PartialShape shape;
  std::string ToString() const;  // "f32[?,10]"
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

// The elements of a value lie in [min, max], or may be clamped to it.
struct ValueRange {
  float min = 0;
  float max = 0;
};

struct Value {
  TensorType type;
  NodeId producer = kNoId;         // the node that computes it; kNoId for inputs and constants
  int port = 0;                    // which output of the producer
  bool is_input = false;           // an input of the graph
  Tensor constant;                 // valid for constants
  std::vector<std::string> names;  // TensorFlow tensor names ("conv1/Relu:0"), the first being the main one

  bool is_constant() const { return constant.is_valid(); }
  absl::string_view name() const { return names.empty() ? absl::string_view("<unnamed>") : names.front(); }
};

struct Node {
  OpKind kind = OpKind::kMap;
  Attrs attrs;
  std::string name;   // of the TensorFlow node it comes from
  std::string tf_op;  // and that node's op
  absl::InlinedVector<ValueId, 3> inputs;
  absl::InlinedVector<ValueId, 1> outputs;

  template <typename T>
  const T& attr() const {
    return std::get<T>(attrs);
  }
};

struct GraphOutput {
  std::string name;  // as asked for: a TensorFlow tensor name or a signature's key
  ValueId value = kNoId;
};

// Not thread-safe while being changed; any number of threads may read. Copying copies constants by handle.
class Graph {
 public:
  std::string name;
  Precision precision = Precision::kStrict;  // what its float32 products may be computed in
  // What is known of ranges, by TensorFlow tensor names: for Precision::kInt8.
  absl::flat_hash_map<std::string, ValueRange> ranges;

  ValueId AddInput(absl::string_view name, const TensorType& type);
  ValueId AddConstant(Tensor value, absl::string_view name = "");
  // Appends a node with an output for each of the given types. `inputs` must exist already.
  NodeId AddNode(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs, absl::Span<const TensorType> outputs,
                 absl::string_view name = "", absl::string_view tf_op = "");
  void AddOutput(absl::string_view name, ValueId value) { outputs_.push_back({std::string(name), value}); }
  void SetOutputs(std::vector<GraphOutput> outputs) { outputs_ = std::move(outputs); }

  int num_values() const { return static_cast<int>(values_.size()); }
  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  const Value& value(ValueId id) const { return values_[id]; }
  Value& value(ValueId id) { return values_[id]; }
  const Node& node(NodeId id) const { return nodes_[id]; }
  Node& node(NodeId id) { return nodes_[id]; }
  absl::Span<const Node> nodes() const { return nodes_; }
  absl::Span<const ValueId> inputs() const { return inputs_; }
  absl::Span<const GraphOutput> outputs() const { return outputs_; }
  // Appends `name` to the names of `id` unless it is there.
  void AddName(ValueId id, absl::string_view name);

  // For each value, the nodes that read it (once each, ascending).
  std::vector<absl::InlinedVector<NodeId, 2>> Consumers() const;
  // For each value, whether it is an output of the graph.
  std::vector<bool> OutputFlags() const;

  // Makes every reader of `from` (nodes and graph outputs) read `to`, which also takes over the names of `from`.
  // Costs a walk over the nodes; ReplaceAll does many at once, following chains (a -> b, b -> c).
  void ReplaceUses(ValueId from, ValueId to);
  void ReplaceAll(absl::Span<const std::pair<ValueId, ValueId>> replacements);

  // Drops nodes and values that no output needs and puts nodes in topological order (stable); graph inputs stay. Ids
  // change. INTERNAL naming a node where the nodes form a cycle.
  Status Compact();

  // Copies the graph (constants by handle).
  std::unique_ptr<Graph> Clone() const { return std::make_unique<Graph>(*this); }

 private:
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<ValueId> inputs_;
  std::vector<GraphOutput> outputs_;
};

// OK where ids are in range, nodes are in topological order, producers and ports agree, every value has a type,
// expressions verify and attributes are of the op's kind. Shapes are checked by ops/infer.h.
Status VerifyGraph(const Graph& graph);

// The graph as text, a line a node, for golden tests and `moulin graph --text`:
//   %3 = Conv(%0, %1) {strides=[1,1] padding=same} : f32[?,8,8,16]  # conv1/Conv2D
std::string GraphToString(const Graph& graph);
// A node's attributes as text ("" where it has none), with expressions printed in full.
std::string AttrsToString(const Attrs& attrs);

}  // namespace moulin

#endif  // MOULIN_IR_GRAPH_H_
