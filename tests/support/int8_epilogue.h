// What the pass quantize puts behind a product.
#ifndef MOULIN_TESTS_SUPPORT_INT8_EPILOGUE_H_
#define MOULIN_TESTS_SUPPORT_INT8_EPILOGUE_H_

#include <cstdint>
#include <optional>

#include "ir/expr.h"

namespace moulin {

// Factors for each filter (input 1), a residual (input 2) where there is to be one, relu; and, where `steps` are given,
// the result in so many steps of int8 a unit.
inline Expr Int8Epilogue(bool has_residual, std::optional<double> steps) {
  Expr e;
  const int product = e.Cast(e.Input(0, DType::kInt32), DType::kFloat32);
  int value = e.Binary(ExprOp::kMul, product, e.Input(1, DType::kFloat32));
  if (has_residual) value = e.Binary(ExprOp::kAdd, value, e.Input(2, DType::kFloat32));
  value = e.Unary(ExprOp::kRelu, value);
  if (!steps) return e;
  Instr narrow;
  narrow.op = ExprOp::kSaturatingCast;
  narrow.type = DType::kInt8;
  const int scaled = e.Binary(ExprOp::kMul, value, e.Constant(DType::kFloat32, *steps));
  narrow.args[0] = static_cast<int16_t>(e.Unary(ExprOp::kRound, scaled));
  e.Append(narrow);
  return e;
}

}  // namespace moulin

#endif  // MOULIN_TESTS_SUPPORT_INT8_EPILOGUE_H_
