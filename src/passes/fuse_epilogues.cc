// Computes an elementwise step together with the convolution or matrix product whose result it reads: the Map becomes
// the product's epilogue, and its other operands become further inputs of the node.
//
// Done where nobody else reads the product, every other operand surely broadcasts to it (so that the Map's result has
// the product's shape), and the type stays (or becomes smaller, for products of int8, which have sums of another type
// anyway). Of several products that a Map adds up, the last one takes it. The Map's node turns into the product's, so
// it stays behind all it reads; the product's old node dies.
#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "passes/quantize.h"
#include "passes/shape_facts.h"
#include "passes/term.h"

namespace moulin {
namespace {

constexpr int kMaxEpilogueInputs = 14;
constexpr int kMaxEpilogueInstrs = 64;

Expr& Epilogue(Node* node) {
  return node->kind == OpKind::kContract ? std::get<ContractAttrs>(node->attrs).epilogue
                                         : std::get<ConvAttrs>(node->attrs).epilogue;
}

class EpilogueFuser {
 public:
  explicit EpilogueFuser(Graph* graph) : graph_(*graph), uses_(UseCounts(*graph)) {}

  StatusOr<bool> Run() {
    bool changed = false;
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (graph_.node(id).kind == OpKind::kMap) changed |= Fuse(id);
    }
    if (changed) MOULIN_RETURN_IF_ERROR(graph_.Compact());
    return changed;
  }

 private:
  const TensorType& type(ValueId v) const { return graph_.value(v).type; }

  bool Fuse(NodeId id) {
    const ValueId product = FindProduct(graph_.node(id));
    if (product == kNoId) return false;
    const NodeId producer = graph_.value(product).producer;
    Node fused = graph_.node(producer);
    if (!AppendMap(graph_.node(id), product, &fused)) return false;
    // The fused node reads once what both read, and the old product reads nothing any more.
    for (const ValueId v : graph_.node(producer).inputs) --uses_[v];
    for (const ValueId v : graph_.node(id).inputs) --uses_[v];
    for (const ValueId v : fused.inputs) ++uses_[v];
    graph_.node(producer).inputs.clear();
    fused.outputs = graph_.node(id).outputs;
    graph_.node(id) = std::move(fused);
    return true;
  }

  // The operand of a Map that can take it as epilogue.
  ValueId FindProduct(const Node& map) const {
    ValueId best = kNoId;
    for (const ValueId v : map.inputs) {
      if (!CanTake(v, map)) continue;
      if (best == kNoId || graph_.value(v).producer > graph_.value(best).producer) best = v;
    }
    return best;
  }

  bool CanTake(ValueId product, const Node& map) const {
    const NodeId producer = graph_.value(product).producer;
    if (producer == kNoId || EpilogueOffset(graph_.node(producer)) < 0) return false;
    if (uses_[product] != std::count(map.inputs.begin(), map.inputs.end(), product)) return false;
    const DType from = type(product).dtype, to = type(map.outputs[0]).dtype;
    const bool may_narrow = IsInt8Product(graph_, graph_.node(producer)) && SizeOf(to) < SizeOf(from);
    if (from != to && !may_narrow) return false;
    if (!type(product).shape.has_rank()) return false;
    return std::all_of(map.inputs.begin(), map.inputs.end(), [&](ValueId v) {
      return v == product || SurelyBroadcastsTo(type(v).shape, type(product).shape);
    });
  }

  // Appends the Map to the epilogue of `node`, a copy of the product's node; false where it becomes too large.
  bool AppendMap(const Node& map, ValueId product, Node* node) const {
    Expr& epilogue = Epilogue(node);
    const int product_instr =
        epilogue.empty() ? epilogue.Input(0, type(product).dtype) : static_cast<int>(epilogue.size()) - 1;
    std::vector<int> operands;
    for (const ValueId v : map.inputs) {
      operands.push_back(v == product ? product_instr : AppendOperand(v, &epilogue, node));
    }
    epilogue.SetResult(epilogue.AppendExpr(map.attr<MapAttrs>().expr, operands));
    return epilogue.size() <= kMaxEpilogueInstrs &&
           static_cast<int>(node->inputs.size()) - EpilogueOffset(*node) <= kMaxEpilogueInputs;
  }

  // The instruction that gives `v`: a constant where it is a scalar one, else an input of the node, new or old.
  int AppendOperand(ValueId v, Expr* epilogue, Node* node) const {
    if (const auto scalar = ScalarConstant(graph_.value(v).constant)) {
      Instr instr;
      instr.op = ExprOp::kConstant;
      instr.type = type(v).dtype;
      instr.value = *scalar;
      return epilogue->Append(instr);
    }
    const int first = EpilogueOffset(*node);
    auto it = std::find(node->inputs.begin() + first, node->inputs.end(), v);
    if (it == node->inputs.end()) it = node->inputs.insert(it, v);
    return epilogue->Input(static_cast<int>(it - node->inputs.begin()) - first + 1, type(v).dtype);
  }

  Graph& graph_;
  std::vector<int> uses_;
};

}  // namespace

StatusOr<bool> FuseEpilogues(Graph* graph, const PassOptions& options) {
  (void)options;
  return EpilogueFuser(graph).Run();
}

}  // namespace moulin
