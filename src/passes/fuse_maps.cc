// Fuses elementwise computations: a Map whose result only Maps of one group read joins that group, and each group
// becomes one Map with one expression. Scalar constants become constants of the expression.
//
// Groups are found in one sweep from the last node to the first, so that diamonds (x * sigmoid(x)) fuse too, and each
// expression is built once: the cost is linear in nodes and operands.
#include <algorithm>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/status_macros.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

constexpr int kMaxInputs = 16;     // distinct operands of a fused Map
constexpr int kMaxInstrs = 64;     // instructions of a fused Map, apart from those that read operands
constexpr int kMaxRecomputed = 8;  // instructions of a group that are recomputed for each element broadcast to
constexpr int64_t kSmallElements = 65536;

// A Map that will be, from its last node on.
struct Group {
  NodeId root = kNoId;
  std::vector<NodeId> members;             // descending, the root first
  absl::InlinedVector<ValueId, 8> inputs;  // distinct, without the members' own results
  int instrs = 0;
  int recomputed = 0;
};

int CountInstrs(const Expr& expr) {
  return static_cast<int>(
      std::count_if(expr.instrs().begin(), expr.instrs().end(), [](const Instr& i) { return i.op != ExprOp::kInput; }));
}

bool IsCheap(ExprOp op) {
  switch (op) {
    case ExprOp::kInput:
    case ExprOp::kConstant:
    case ExprOp::kCast:
    case ExprOp::kNeg:
    case ExprOp::kAbs:
    case ExprOp::kAdd:
    case ExprOp::kSub:
    case ExprOp::kMul:
    case ExprOp::kMax:
    case ExprOp::kMin:
    case ExprOp::kSelect:
    case ExprOp::kNot:
    case ExprOp::kAnd:
    case ExprOp::kOr:
      return true;
    default:
      return false;
  }
}

// For each value, one that surely has the same shape, also where sizes are unknown: values with the same one are alike.
// A Map has the shape of an operand where all the others have it too or surely broadcast to it.
std::vector<ValueId> SameShapes(const Graph& graph) {
  std::vector<ValueId> same(graph.num_values());
  for (ValueId v = 0; v < graph.num_values(); ++v) same[v] = v;
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kMap || node.inputs.empty()) continue;
    const auto rank = [&](ValueId v) { return graph.value(v).type.shape.rank(); };
    const auto widest = std::max_element(node.inputs.begin(), node.inputs.end(),
                                         [&](ValueId a, ValueId b) { return rank(a) < rank(b); });
    const bool is_like_widest = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) {
      return same[v] == same[*widest] || SurelyBroadcastsTo(graph.value(v).type.shape, graph.value(*widest).type.shape);
    });
    if (is_like_widest) same[node.outputs[0]] = same[*widest];
  }
  return same;
}

class MapFuser {
 public:
  explicit MapFuser(Graph* graph)
      : graph_(*graph),
        consumers_(graph->Consumers()),
        is_output_(graph->OutputFlags()),
        same_shape_(SameShapes(*graph)),
        group_of_(graph->num_nodes(), kNoGroup) {}

  StatusOr<bool> Run() {
    for (NodeId id = graph_.num_nodes() - 1; id >= 0; --id) {
      if (IsFusible(graph_.node(id))) Place(id);
    }
    bool changed = false;
    for (const Group& group : groups_) changed |= Build(group);
    if (changed) MOULIN_RETURN_IF_ERROR(graph_.Compact());
    return changed;
  }

 private:
  static constexpr int kNoGroup = -1;

  const PartialShape& shape(ValueId v) const { return graph_.value(v).type.shape; }
  ValueId Result(NodeId id) const { return graph_.node(id).outputs[0]; }

  static bool IsFusible(const Node& node) { return node.kind == OpKind::kMap && !node.attr<MapAttrs>().expr.empty(); }

  // Puts a Map in the group of its readers, or in one of its own.
  void Place(NodeId id) {
    int group = ReadersGroup(Result(id));
    if (group == kNoGroup || !Join(id, &groups_[group])) {
      group = static_cast<int>(groups_.size());
      groups_.emplace_back().root = id;
      Add(id, &groups_.back());
    }
    group_of_[id] = group;
  }

  // The group that all readers of a value belong to, if it is one.
  int ReadersGroup(ValueId v) const {
    if (is_output_[v] || consumers_[v].empty()) return kNoGroup;
    const int group = group_of_[consumers_[v][0]];
    for (const NodeId reader : consumers_[v]) {
      if (group_of_[reader] != group) return kNoGroup;
    }
    return group;
  }

  bool Join(NodeId id, Group* group) const {
    const Expr& expr = graph_.node(id).attr<MapAttrs>().expr;
    if (group->instrs + CountInstrs(expr) > kMaxInstrs) return false;
    const bool is_recomputed = !HasShapeOf(id, *group);
    if (is_recomputed && !IsWorthRecomputing(id, *group)) return false;
    Group joined = *group;
    Add(id, &joined);
    if (static_cast<int>(joined.inputs.size()) > kMaxInputs) return false;
    if (is_recomputed) joined.recomputed += CountInstrs(expr);
    *group = std::move(joined);
    return true;
  }

  // Whether a Map surely has as many elements as the group's result.
  bool HasShapeOf(NodeId id, const Group& group) const {
    const ValueId mine = Result(id);
    const ValueId whole = Result(group.root);
    return SurelyEqual(shape(mine), shape(whole)) || same_shape_[mine] == same_shape_[whole];
  }

  bool IsWorthRecomputing(NodeId id, const Group& group) const {
    const Expr& expr = graph_.node(id).attr<MapAttrs>().expr;
    const int64_t elements = NumElements(shape(Result(id)));
    return elements >= 0 && elements <= kSmallElements && group.recomputed + CountInstrs(expr) <= kMaxRecomputed &&
           std::all_of(expr.instrs().begin(), expr.instrs().end(), [](const Instr& i) { return IsCheap(i.op); });
  }

  void Add(NodeId id, Group* group) const {
    const Node& node = graph_.node(id);
    group->members.push_back(id);
    group->instrs += CountInstrs(node.attr<MapAttrs>().expr);
    const auto mine = std::find(group->inputs.begin(), group->inputs.end(), node.outputs[0]);
    if (mine != group->inputs.end()) group->inputs.erase(mine);
    for (const ValueId v : node.inputs) {
      if (std::find(group->inputs.begin(), group->inputs.end(), v) == group->inputs.end()) group->inputs.push_back(v);
    }
  }

  // The value that stands for a scalar constant in an expression, where leaving the operand out keeps the shape.
  std::optional<ExprConstant> Inlined(ValueId v, const Group& group) const {
    const Value& value = graph_.value(v);
    if (!value.is_constant()) return std::nullopt;
    const int rank = value.constant.shape().rank();
    const auto keeps_rank = [&](ValueId other) {
      return !graph_.value(other).is_constant() && shape(other).rank() >= rank;
    };
    if (std::none_of(group.inputs.begin(), group.inputs.end(), keeps_rank) && (rank > 0 || !HasNonConstant(group))) {
      return std::nullopt;
    }
    return ScalarConstant(value.constant);
  }

  bool HasNonConstant(const Group& group) const {
    return std::any_of(group.inputs.begin(), group.inputs.end(),
                       [&](ValueId v) { return !graph_.value(v).is_constant(); });
  }

  // Rewrites the root of a group; whether that changes anything. The other members die with their last reader.
  bool Build(const Group& group) {
    const bool has_scalars =
        std::any_of(group.inputs.begin(), group.inputs.end(), [&](ValueId v) { return Inlined(v, group).has_value(); });
    Node& root = graph_.node(group.root);
    if (group.members.size() == 1 && !has_scalars && group.inputs.size() == root.inputs.size()) return false;
    Expr expr;
    std::vector<ValueId> inputs;
    absl::InlinedVector<std::pair<ValueId, int>, 16> instr_of;
    for (const ValueId v : group.inputs) {
      const std::optional<ExprConstant> scalar = Inlined(v, group);
      instr_of.emplace_back(v, scalar ? AppendConstant(graph_.value(v).type.dtype, *scalar, &expr)
                                      : expr.Input(static_cast<int>(inputs.size()), graph_.value(v).type.dtype));
      if (!scalar) inputs.push_back(v);
    }
    for (auto it = group.members.rbegin(); it != group.members.rend(); ++it) {
      const Node& node = graph_.node(*it);
      std::vector<int> operands;
      for (const ValueId v : node.inputs) operands.push_back(Find(instr_of, v));
      instr_of.emplace_back(node.outputs[0], expr.AppendExpr(node.attr<MapAttrs>().expr, operands));
    }
    expr.SetResult(instr_of.back().second);
    root.attrs = MapAttrs{std::move(expr)};
    root.inputs.assign(inputs.begin(), inputs.end());
    return true;
  }

  static int AppendConstant(DType type, const ExprConstant& value, Expr* expr) {
    Instr instr;
    instr.op = ExprOp::kConstant;
    instr.type = type;
    instr.value = value;
    return expr->Append(instr);
  }

  static int Find(absl::Span<const std::pair<ValueId, int>> instr_of, ValueId v) {
    for (const auto& [value, instr] : instr_of) {
      if (value == v) return instr;
    }
    return -1;
  }

  Graph& graph_;
  const std::vector<absl::InlinedVector<NodeId, 2>> consumers_;
  const std::vector<bool> is_output_;
  const std::vector<ValueId> same_shape_;
  std::vector<int> group_of_;  // by node
  std::vector<Group> groups_;
};

}  // namespace

StatusOr<bool> FuseMaps(Graph* graph, const PassOptions& options) {
  (void)options;
  // Equal instructions of a fused expression are merged, which may make room for more.
  bool changed = false;
  while (true) {
    MOULIN_ASSIGN_OR_RETURN(const bool again, MapFuser(graph).Run());
    if (!again) return changed;
    changed = true;
  }
}

}  // namespace moulin
