// The scalar meaning of each operation of expressions as a function object:
//   ScalarOp<ExprOp::kAdd>()(x, y)
// for the element types that the operation takes, as the lists below say. Complex numbers are for the host alone. Cast
// and SaturatingCast are in kernels/scalar_cast.h.
#ifndef MOULIN_KERNELS_SCALAR_OPS_H_
#define MOULIN_KERNELS_SCALAR_OPS_H_

#include "ir/expr.h"
#include "kernels/hd.h"
#include "kernels/scalar_arithmetic.h"
#include "kernels/scalar_complex.h"
#include "kernels/scalar_special.h"

namespace moulin {

// X(name): T -> T
#define MOULIN_FLOAT_UNARY_OPS(X)                                                                                     \
  X(Neg)                                                                                                              \
  X(Abs)                                                                                                              \
  X(Sign) X(Reciprocal) X(Sqrt) X(Rsqrt) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) \
      X(Sinh) X(Cosh) X(Tanh) X(Asinh) X(Acosh) X(Atanh) X(Erf) X(Erfc) X(Erfinv) X(Ndtri) X(Lgamma) X(Digamma)       \
          X(BesselI0e) X(BesselI1e) X(Sigmoid) X(Softplus) X(Floor) X(Ceil) X(Round) X(Relu) X(Elu)
#define MOULIN_INT_UNARY_OPS(X) X(Neg) X(Abs) X(Sign) X(Reciprocal) X(Round) X(Relu) X(BitNot)
#define MOULIN_COMPLEX_UNARY_OPS(X)                                                                                   \
  X(Neg)                                                                                                              \
  X(Sign)                                                                                                             \
  X(Reciprocal) X(Sqrt) X(Rsqrt) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) \
      X(Cosh) X(Tanh) X(Asinh) X(Acosh) X(Atanh) X(Sigmoid) X(Conj)

// X(name): T, T -> T
#define MOULIN_FLOAT_BINARY_OPS(X)                                                                                 \
  X(Add)                                                                                                           \
  X(Sub)                                                                                                           \
  X(Mul) X(Div) X(FloorDiv) X(FloorMod) X(TruncMod) X(DivNoNan) X(MulNoNan) X(Pow) X(Atan2) X(Max) X(Min) X(Xdivy) \
      X(Xlogy) X(Xlog1py) X(NextAfter) X(Zeta) X(Polygamma) X(Igamma) X(Igammac)
#define MOULIN_INT_BINARY_OPS(X)                                                                                    \
  X(Add)                                                                                                            \
  X(Sub)                                                                                                            \
  X(Mul) X(Div) X(FloorDiv) X(FloorMod) X(TruncMod) X(DivNoNan) X(MulNoNan) X(Pow) X(Max) X(Min) X(BitAnd) X(BitOr) \
      X(BitXor) X(ShiftLeft) X(ShiftRight)
#define MOULIN_COMPLEX_BINARY_OPS(X) \
  X(Add) X(Sub) X(Mul) X(Div) X(DivNoNan) X(MulNoNan) X(Pow) X(Xdivy) X(Xlogy) X(Xlog1py)

// X(name): T -> bool and T, T -> bool
#define MOULIN_FLOAT_TESTS(X) X(IsNan) X(IsInf) X(IsFinite)
#define MOULIN_COMPARISONS(X) X(Equal) X(NotEqual) X(Less) X(LessEqual) X(Greater) X(GreaterEqual)

template <ExprOp op>
struct ScalarOp;

#define MOULIN_SCALAR_OP(name)                \
  template <>                                 \
  struct ScalarOp<ExprOp::k##name> {          \
    template <typename... T>                  \
    MOULIN_HD auto operator()(T... x) const { \
      return scalar::name(x...);              \
    }                                         \
  };
MOULIN_FLOAT_UNARY_OPS(MOULIN_SCALAR_OP)
MOULIN_FLOAT_BINARY_OPS(MOULIN_SCALAR_OP)
MOULIN_FLOAT_TESTS(MOULIN_SCALAR_OP)
MOULIN_COMPARISONS(MOULIN_SCALAR_OP)
MOULIN_SCALAR_OP(BitNot)
MOULIN_SCALAR_OP(BitAnd)
MOULIN_SCALAR_OP(BitOr)
MOULIN_SCALAR_OP(BitXor)
MOULIN_SCALAR_OP(ShiftLeft)
MOULIN_SCALAR_OP(ShiftRight)
MOULIN_SCALAR_OP(PopCount)
MOULIN_SCALAR_OP(Not)
MOULIN_SCALAR_OP(And)
MOULIN_SCALAR_OP(Or)
MOULIN_SCALAR_OP(Betainc)
MOULIN_SCALAR_OP(Conj)
MOULIN_SCALAR_OP(Complex)
MOULIN_SCALAR_OP(Real)
MOULIN_SCALAR_OP(Imag)
MOULIN_SCALAR_OP(Angle)
MOULIN_SCALAR_OP(ComplexAbs)
#undef MOULIN_SCALAR_OP

}  // namespace moulin

#endif  // MOULIN_KERNELS_SCALAR_OPS_H_
