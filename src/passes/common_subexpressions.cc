// Computes once what several nodes compute alike: nodes of one kind with equal attributes and operands, and constants
// with equal elements. One sweep with a hash table.
#include <cstring>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "ops/control.h"
#include "passes/pass.h"
#include "passes/rewriter.h"

namespace moulin {
namespace {

// Larger constants are compared by the block that they lie in, not by their bytes.
constexpr int64_t kComparedBytes = 4096;

absl::string_view Bytes(const Tensor& t) {
  return {static_cast<const char*>(t.data()), static_cast<size_t>(t.byte_size())};
}

bool IsSmall(const Tensor& t) { return SizeOf(t.dtype()) > 0 && t.byte_size() <= kComparedBytes; }

// A constant as a key of a hash table: two are equal where their types, shapes and elements are.
struct ConstantKey {
  const Tensor* tensor;

  friend bool operator==(const ConstantKey& a, const ConstantKey& b) {
    const Tensor &x = *a.tensor, &y = *b.tensor;
    if (x.dtype() != y.dtype() || x.shape() != y.shape()) return false;
    return IsSmall(x) ? Bytes(x) == Bytes(y) : x.data() == y.data();
  }
  template <typename H>
  friend H AbslHashValue(H h, const ConstantKey& k) {
    const Tensor& t = *k.tensor;
    h = H::combine(std::move(h), t.dtype(), t.shape());
    return IsSmall(t) ? H::combine(std::move(h), Bytes(t)) : H::combine(std::move(h), t.data());
  }
};

// A node as a key: what it computes, apart from its names. The expression of a Map is hashed in part; other attributes
// are left to the comparison, for nodes that read the same operands are few.
struct NodeKey {
  const Graph* graph;
  NodeId id;
  const Node& node() const { return graph->node(id); }

  friend bool operator==(const NodeKey& a, const NodeKey& b) {
    const Node &x = a.node(), &y = b.node();
    return x.kind == y.kind && x.inputs == y.inputs && x.outputs.size() == y.outputs.size() && x.attrs == y.attrs;
  }
  template <typename H>
  friend H AbslHashValue(H h, const NodeKey& k) {
    const Node& node = k.node();
    h = H::combine(std::move(h), node.kind, node.inputs);
    if (node.kind == OpKind::kMap) {
      const Expr& expr = node.attr<MapAttrs>().expr;
      for (const Instr& instr : expr.instrs()) h = H::combine(std::move(h), instr.op, instr.type, instr.value.real);
    }
    return h;
  }
};

void MergeConstants(Rewriter* rewriter) {
  Graph& graph = rewriter->graph();
  absl::flat_hash_map<ConstantKey, ValueId> first;
  for (ValueId v = 0; v < graph.num_values(); ++v) {
    const Value& value = graph.value(v);
    if (!value.is_constant()) continue;
    const auto [it, is_new] = first.try_emplace(ConstantKey{&value.constant}, v);
    if (!is_new) rewriter->Replace(v, it->second);
  }
}

}  // namespace

StatusOr<bool> MergeCommonSubexpressions(Graph* graph, const PassOptions& options) {
  Rewriter rewriter(graph, options);
  MergeConstants(&rewriter);
  absl::flat_hash_map<NodeKey, NodeId> first;
  first.reserve(rewriter.num_nodes());
  for (NodeId id = 0; id < rewriter.num_nodes(); ++id) {
    rewriter.Visit(id);
    // Host ops include those that draw random numbers or keep a state, and graphs within nodes may hold such.
    const OpKind kind = graph->node(id).kind;
    if (kind == OpKind::kHostOp || HasRegions(kind)) continue;
    const auto [it, is_new] = first.try_emplace(NodeKey{graph, id}, id);
    if (is_new) continue;
    const Node& same = graph->node(it->second);
    const Node& node = graph->node(id);
    for (size_t port = 0; port < node.outputs.size(); ++port) rewriter.Replace(node.outputs[port], same.outputs[port]);
  }
  return rewriter.Finish();
}

}  // namespace moulin
