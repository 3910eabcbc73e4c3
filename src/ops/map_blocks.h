// The evaluator's innermost loops: one operation of an expression over a block of elements.
//
// Elements are held in registers: arrays of the type's own C++ type, of float for float16 and bfloat16 (rounded to the
// type by the evaluator), of the raw integers for quantised types, and of const std::string* for strings. The loops are
// spread over several files (map_blocks_*.cc) because there are many.
#ifndef MOULIN_OPS_MAP_BLOCKS_H_
#define MOULIN_OPS_MAP_BLOCKS_H_

#include <complex>
#include <cstdint>

#include "ir/expr.h"
#include "kernels/scalar_ops.h"
#include "moulin/dtype.h"

namespace moulin {

// out[i] = op(args[0][i], args[1][i]...) for i in [0, n). `out` may be one of the arguments.
using BlockFn = void (*)(const void* const* args, void* out, int n);

// The type whose registers `type` uses: float32 for float16 and bfloat16, int8 for qint8...
DType RegisterType(DType type);
// Bytes of an element in a register.
int RegisterSize(DType type);

// The loop for an operation whose operands (from the second on, for Select) have register type `type`; null where the
// type does not have it.
BlockFn FindBlock(ExprOp op, DType type);
// The loop for Cast or SaturatingCast between register types.
BlockFn FindCastBlock(DType from, DType to, bool saturating);

// What FindBlock puts together.
template <typename T>
BlockFn FindFloatBlock(ExprOp op);  // float, double
template <typename T>
BlockFn FindIntBlock(ExprOp op);
template <typename T>
BlockFn FindComplexBlock(ExprOp op);  // T: float or double, the type of the parts
BlockFn FindBoolBlock(ExprOp op);
BlockFn FindStringBlock(ExprOp op);
BlockFn FindSelectBlock(int register_size);
template <typename To>
BlockFn FindCastBlockTo(DType from, bool saturating);

namespace internal {

template <ExprOp op, typename T>
void UnaryBlock(const void* const* args, void* out, int n) {
  const auto* x = static_cast<const T*>(args[0]);
  using R = decltype(ScalarOp<op>()(T()));
  auto* y = static_cast<R*>(out);
  for (int i = 0; i < n; ++i) y[i] = ScalarOp<op>()(x[i]);
}

template <ExprOp op, typename T>
void BinaryBlock(const void* const* args, void* out, int n) {
  const auto* a = static_cast<const T*>(args[0]);
  const auto* b = static_cast<const T*>(args[1]);
  using R = decltype(ScalarOp<op>()(T(), T()));
  auto* y = static_cast<R*>(out);
  for (int i = 0; i < n; ++i) y[i] = ScalarOp<op>()(a[i], b[i]);
}

// Cases of a switch over ExprOp in a function with an element type T.
#define MOULIN_UNARY_CASE(name) \
  case ExprOp::k##name:         \
    return &internal::UnaryBlock<ExprOp::k##name, T>;
#define MOULIN_BINARY_CASE(name) \
  case ExprOp::k##name:          \
    return &internal::BinaryBlock<ExprOp::k##name, T>;

}  // namespace internal
}  // namespace moulin

#endif  // MOULIN_OPS_MAP_BLOCKS_H_
