#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "ir/graph.h"

namespace moulin {
namespace {

// The index in the variant `Attrs` that a kind's attributes must have.
template <typename T, typename... Ts>
constexpr size_t IndexIn(const std::variant<Ts...>*) {
  size_t i = 0;
  const bool found = ((std::is_same_v<T, Ts> || (++i, false)) || ...);
  return found ? i : sizeof...(Ts);
}

size_t AttrsIndex(OpKind kind) {
  static constexpr size_t kIndex[] = {
#define MOULIN_INDEX(name, attrs) IndexIn<attrs>(static_cast<const Attrs*>(nullptr)),
      MOULIN_OP_KINDS(MOULIN_INDEX)
#undef MOULIN_INDEX
  };
  return kIndex[static_cast<int>(kind)];
}

template <typename... Parts>
Status Broken(const Node& node, const Parts&... parts) {
  return AtNode(MakeError(ErrorCode::kInternal, parts...), node.name, Name(node.kind));
}

Status VerifyExpr(const Graph& graph, const Node& node, const Expr& expr, int first_input, DType first_type) {
  // An epilogue's input 0 is the product, a prologue's x; input i > 0 is the node's input first_input + i - 1.
  const int inputs = static_cast<int>(node.inputs.size()) - first_input + (first_input > 0 ? 1 : 0);
  if (Status status = expr.Verify(inputs); !status.ok()) return AtNode(status, node.name, Name(node.kind));
  for (const Instr& instr : expr.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    const bool is_product = first_input > 0 && instr.input == 0;
    const int operand = first_input > 0 ? first_input + instr.input - 1 : instr.input;
    const DType type = is_product ? first_type : graph.value(node.inputs[operand]).type.dtype;
    if (instr.type != type) {
      return Broken(node, "expression reads input ", instr.input, " as ", ShortName(instr.type), ", which is ",
                    ShortName(type));
    }
  }
  return absl::OkStatus();
}

Status VerifyExprs(const Graph& graph, const Node& node) {
  const auto type_of = [&](int operand) { return graph.value(node.inputs[operand]).type.dtype; };
  const auto product_type = [&](const auto& attrs, int operand) { return ProductTypeOf(attrs, type_of(operand)); };
  switch (node.kind) {
    case OpKind::kMap:
      return VerifyExpr(graph, node, node.attr<MapAttrs>().expr, 0, DType::kInvalid);
    case OpKind::kReduce: {
      const Expr& e = node.attr<ReduceAttrs>().prologue;
      return e.empty() ? absl::OkStatus() : VerifyExpr(graph, node, e, 2, type_of(0));
    }
    case OpKind::kContract: {
      const auto& a = node.attr<ContractAttrs>();
      return a.epilogue.empty() ? absl::OkStatus() : VerifyExpr(graph, node, a.epilogue, 2, product_type(a, 0));
    }
    case OpKind::kConv: {
      const auto& a = node.attr<ConvAttrs>();
      return a.epilogue.empty() ? absl::OkStatus() : VerifyExpr(graph, node, a.epilogue, 2, product_type(a, 0));
    }
    case OpKind::kConvTranspose: {
      const auto& a = node.attr<ConvAttrs>();
      return a.epilogue.empty() ? absl::OkStatus() : VerifyExpr(graph, node, a.epilogue, 3, product_type(a, 1));
    }
    default:
      return absl::OkStatus();
  }
}

// A graph within a node: sound itself, and of the node's arguments and results.
Status VerifyRegion(const Node& node, const std::shared_ptr<const Graph>& region, size_t args, size_t results) {
  if (region == nullptr) return Broken(node, "a graph within it is missing");
  MOULIN_RETURN_IF_ERROR(VerifyGraph(*region));
  if (region->inputs().size() != args || region->outputs().size() != results) {
    return Broken(node, "a graph within it takes ", region->inputs().size(), " and gives ", region->outputs().size(),
                  " values, expected ", args, " and ", results);
  }
  return absl::OkStatus();
}

Status VerifyRegions(const Node& node) {
  if (node.kind == OpKind::kWhile) {
    const WhileAttrs& loop = node.attr<WhileAttrs>();
    MOULIN_RETURN_IF_ERROR(VerifyRegion(node, loop.condition, node.inputs.size(), 1));
    return VerifyRegion(node, loop.body, node.inputs.size(), node.outputs.size());
  }
  if (node.kind != OpKind::kCase) return absl::OkStatus();
  for (const auto& branch : node.attr<CaseAttrs>().branches) {
    MOULIN_RETURN_IF_ERROR(VerifyRegion(node, branch, node.inputs.size() - 1, node.outputs.size()));
  }
  return absl::OkStatus();
}

Status VerifyNode(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.attrs.index() != AttrsIndex(node.kind)) return Broken(node, "attributes of another op");
  for (ValueId v : node.inputs) {
    if (v < 0 || v >= graph.num_values()) return Broken(node, "input value ", v, " does not exist");
    if (graph.value(v).producer >= id) return Broken(node, "reads %", v, " before it is computed");
  }
  if (node.outputs.empty()) return Broken(node, "has no outputs");
  for (size_t port = 0; port < node.outputs.size(); ++port) {
    const ValueId v = node.outputs[port];
    if (v < 0 || v >= graph.num_values()) return Broken(node, "output value ", v, " does not exist");
    const Value& value = graph.value(v);
    if (value.producer != id || value.port != static_cast<int>(port)) {
      return Broken(node, "output %", v, " does not point back");
    }
    if (value.type.dtype == DType::kInvalid) return Broken(node, "output ", port, " has no type");
  }
  MOULIN_RETURN_IF_ERROR(VerifyRegions(node));
  return VerifyExprs(graph, node);
}

}  // namespace

Status VerifyGraph(const Graph& graph) {
  for (ValueId v = 0; v < graph.num_values(); ++v) {
    const Value& value = graph.value(v);
    const int origins = (value.producer != kNoId) + value.is_input + value.is_constant();
    if (origins != 1) return MakeError(ErrorCode::kInternal, "value %", v, " has ", origins, " origins, expected one");
    if (value.producer >= graph.num_nodes()) return MakeError(ErrorCode::kInternal, "value %", v, " has no producer");
  }
  for (NodeId id = 0; id < graph.num_nodes(); ++id) MOULIN_RETURN_IF_ERROR(VerifyNode(graph, id));
  for (const GraphOutput& output : graph.outputs()) {
    if (output.value < 0 || output.value >= graph.num_values()) {
      return MakeError(ErrorCode::kInternal, "output \"", output.name, "\" has no value");
    }
  }
  return absl::OkStatus();
}

}  // namespace moulin
