// Elementwise computation. Tests: tests/ops/map_test.cc.
#include "ops/map_eval.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckInputTypes(const InferContext& c, const Expr& expr) {
  for (const Instr& instr : expr.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    if (instr.input < 0 || instr.input >= c.num_inputs()) {
      return MakeError(ErrorCode::kArity, "the expression reads input ", instr.input, " of ", c.num_inputs());
    }
    if (c.dtype(instr.input) != instr.type) {
      return MakeError(ErrorCode::kDType, "input ", instr.input, ": expected ", ShortName(instr.type), ", got ",
                       ShortName(c.dtype(instr.input)));
    }
  }
  return absl::OkStatus();
}

Status InferMap(InferContext& c) {
  const Expr& expr = c.attr<MapAttrs>().expr;
  if (expr.empty()) return MakeError(ErrorCode::kAttribute, "a map needs an expression of one instruction or more");
  MOULIN_RETURN_IF_ERROR(CheckInputTypes(c, expr));
  PartialShape out = PartialShape::OfRank(0);
  for (int i = 0; i < c.num_inputs(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(out, BroadcastPartial(out, c.shape(i)));
  }
  return AddOutput(c, expr.result_type(), out);
}

Status RunMap(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMap));
  return EvaluateExpr(c.attr<MapAttrs>().expr, c.inputs, &c.output(0));
}

constexpr OpDef kMapOps[] = {{OpKind::kMap, 0, kAnyNumber, InferMap, RunMap}};

}  // namespace

absl::Span<const OpDef> MapOps() { return kMapOps; }

}  // namespace moulin
