#include "ops/epilogue.h"

#include <vector>

#include "ops/map_eval.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// The node's input behind the epilogue's input `i`, or nullptr for the product.
const TensorType* OperandType(const InferContext& c, int i, int first_input, const TensorType& product) {
  if (i == 0) return &product;
  const int input = first_input + i - 1;
  return input < c.num_inputs() ? &c.inputs[input] : nullptr;
}

Status CheckBroadcastsTo(const PartialShape& shape, const PartialShape& product) {
  MOULIN_ASSIGN_OR_RETURN(const PartialShape both, BroadcastPartial(shape, product));
  return MergeShapes(product, both, "an epilogue operand").status();
}

}  // namespace

StatusOr<DType> InferProductType(DType operands, DType asked) {
  if (asked == DType::kInvalid || asked == operands) return operands;
  if (operands == DType::kInt8 && asked == DType::kInt32) return asked;
  return MakeError(ErrorCode::kDType, "products of ", ShortName(operands), " are not summed in ", ShortName(asked));
}

StatusOr<DType> InferEpilogue(const InferContext& c, const Expr& epilogue, int first_input, const TensorType& product) {
  if (epilogue.empty()) {
    if (c.num_inputs() == first_input) return product.dtype;
    return MakeError(ErrorCode::kArity, "expected ", first_input, " inputs without an epilogue, got ", c.num_inputs());
  }
  for (const Instr& instr : epilogue.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    const TensorType* operand = OperandType(c, instr.input, first_input, product);
    if (operand == nullptr) {
      return MakeError(ErrorCode::kArity, "the epilogue reads operand ", instr.input, ", got ",
                       c.num_inputs() - first_input, " of them");
    }
    MOULIN_RETURN_IF_ERROR(CheckSameType(instr.type, operand->dtype, "an epilogue operand"));
    MOULIN_RETURN_IF_ERROR(CheckBroadcastsTo(operand->shape, product.shape));
  }
  return epilogue.result_type();
}

Status RunEpilogue(const KernelContext& c, const Expr& epilogue, int first_input, const Tensor& product) {
  std::vector<Tensor> inputs = {product};
  inputs.insert(inputs.end(), c.inputs.begin() + first_input, c.inputs.end());
  return EvaluateExpr(epilogue, inputs, &c.output(0));
}

}  // namespace moulin
