#include "passes/term.h"

#include <vector>

#include "passes/constants.h"

namespace moulin {

int EpilogueOffset(const Node& node) {
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kContract:
      return 2;
    case OpKind::kConvTranspose:
      return 3;
    default:
      return -1;
  }
}

const Expr* Terms::Expression(ValueId value) const {
  const NodeId producer = graph_.value(value).producer;
  if (producer == kNoId) return nullptr;
  const Node& node = graph_.node(producer);
  const Expr* expr = nullptr;
  switch (node.kind) {
    case OpKind::kMap:
      expr = &node.attr<MapAttrs>().expr;
      break;
    case OpKind::kContract:
      expr = &node.attr<ContractAttrs>().epilogue;
      break;
    case OpKind::kConv:
    case OpKind::kConvTranspose:
      expr = &node.attr<ConvAttrs>().epilogue;
      break;
    default:
      break;
  }
  if (expr == nullptr || expr->empty()) return nullptr;
  // A Map that passes one of several operands through broadcasts it: not the same as that operand.
  return expr->size() == 1 && node.inputs.size() > 1 ? nullptr : expr;
}

TermRef Terms::Resolve(TermRef term) const {
  while (!term.is_leaf() && instr(term).op == ExprOp::kInput) {
    const Node& node = graph_.node(graph_.value(term.value).producer);
    const int input = instr(term).input;
    if (node.kind != OpKind::kMap && input == 0) return {term.value, TermRef::kProduct};
    const ValueId operand = node.inputs[node.kind == OpKind::kMap ? input : EpilogueOffset(node) + input - 1];
    const Expr* expr = Expression(operand);
    term = {operand, expr == nullptr ? TermRef::kLeaf : expr->size() - 1};
  }
  return term;
}

TermRef Terms::Of(ValueId value) const {
  const Expr* expr = Expression(value);
  return expr == nullptr ? TermRef{value, TermRef::kLeaf} : Resolve({value, expr->size() - 1});
}

const Instr& Terms::instr(TermRef term) const { return (*Expression(term.value))[term.instr]; }

TermRef Terms::Operand(TermRef term, int i) const { return Resolve({term.value, instr(term).args[i]}); }

std::optional<double> Terms::Scalar(TermRef term) const {
  std::optional<ExprConstant> constant;
  DType type = DType::kInvalid;
  if (term.instr == TermRef::kLeaf) {
    constant = ScalarConstant(graph_.value(term.value).constant);
    type = graph_.value(term.value).type.dtype;
  } else if (!term.is_leaf() && instr(term).op == ExprOp::kConstant) {
    constant = instr(term).value;
    type = instr(term).type;
  }
  if (!constant || IsComplex(type)) return std::nullopt;
  return IsFloating(type) ? constant->real : static_cast<double>(constant->integer);
}

const Node* Terms::Producer(TermRef term, OpKind kind) const {
  if (!term.is_leaf()) return nullptr;
  const NodeId producer = graph_.value(term.value).producer;
  if (producer == kNoId || graph_.node(producer).kind != kind) return nullptr;
  return &graph_.node(producer);
}

ValueId Terms::ValueOf(TermRef term) const {
  if (term.instr == TermRef::kLeaf) return term.value;
  return !term.is_leaf() && term.instr == Expression(term.value)->size() - 1 ? term.value : kNoId;
}

ValueId Terms::Materialize(TermRef term, GraphBuilder* builder) const {
  if (const ValueId value = ValueOf(term); value != kNoId) return value;
  if (term.is_leaf()) return kNoId;
  Expr expr = *Expression(term.value);
  expr.SetResult(term.instr);
  const Node& node = graph_.node(graph_.value(term.value).producer);
  std::vector<ValueId> inputs;
  std::vector<int> renumbered(expr.num_inputs(), -1);
  for (const Instr& instr : expr.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    const int operand = node.kind == OpKind::kMap ? instr.input : EpilogueOffset(node) + instr.input - 1;
    if (node.kind != OpKind::kMap && instr.input == 0) return kNoId;
    if (renumbered[instr.input] >= 0) continue;
    renumbered[instr.input] = static_cast<int>(inputs.size());
    inputs.push_back(node.inputs[operand]);
  }
  if (inputs.empty()) return kNoId;
  Expr result;
  result.SetResult(result.AppendRenumbered(expr, renumbered));
  return builder->Map(std::move(result), inputs);
}

}  // namespace moulin
