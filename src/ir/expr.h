// Elementwise expressions: what a Map computes, and what is fused behind a convolution or a matrix product.
//
// An expression is a short list of typed instructions in SSA form; the last one is the result. It says what one
// element of the output is, given the elements of the inputs at the same (broadcast) place. Fusing two elementwise
// ops is substituting one expression in the other. Evaluators: ops/map_eval.cc (reference), device/host/cpu (tiles).
#ifndef MOULIN_IR_EXPR_H_
#define MOULIN_IR_EXPR_H_

#include <bit>
#include <complex>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "moulin/dtype.h"
#include "moulin/status.h"

namespace moulin {

// X(name, operands). The type rule, unless a comment says otherwise: operands and result have one type.
#define MOULIN_EXPR_OPS(X)                                                                                            \
  /* leaves */                                                                                                        \
  X(Input, 0)          /* Instr::input says which */                                                                  \
  X(Constant, 0)       /* Instr::value */                                                                             \
  X(Cast, 1)           /* any type to Instr::type; TensorFlow's rules (float to int truncates, bool is != 0) */       \
  X(SaturatingCast, 1) /* as Cast, but clamps to the range of an integer type first */                                \
  /* arithmetic */                                                                                                    \
  X(Neg, 1)                                                                                                           \
  X(Abs, 1) X(Sign, 1) X(Reciprocal, 1) X(Sqrt, 1) X(Rsqrt, 1) X(Exp, 1) X(Expm1, 1) X(Log, 1) X(Log1p, 1) X(Sin, 1)  \
      X(Cos, 1) X(Tan, 1) X(Asin, 1) X(Acos, 1) X(Atan, 1) X(Sinh, 1) X(Cosh, 1) X(Tanh, 1) X(Asinh, 1) X(Acosh, 1)   \
          X(Atanh, 1) X(Erf, 1) X(Erfc, 1) X(Erfinv, 1) X(Ndtri, 1) X(Lgamma, 1) X(Digamma, 1) X(BesselI0e, 1)        \
              X(BesselI1e, 1) X(Sigmoid, 1) X(Softplus, 1) X(Floor, 1) X(Ceil, 1) X(Round, 1) /* half to even */      \
      X(Relu, 1) X(Elu, 1) X(Conj, 1) X(Add, 2) X(Sub, 2) X(Mul, 2)                                                   \
          X(Div, 2) /* true division of floats and complexes; integers truncate, by zero is an error */               \
      X(FloorDiv, 2) X(FloorMod, 2) X(TruncMod, 2)                            /* integers: by zero is an error */     \
      X(DivNoNan, 2) X(MulNoNan, 2) X(Pow, 2) X(Atan2, 2) X(Max, 2) X(Min, 2) /* a NaN on either side gives NaN */    \
      X(Xdivy, 2) X(Xlogy, 2) X(Xlog1py, 2) X(NextAfter, 2) X(Zeta, 2) X(Polygamma, 2) X(Igamma, 2) X(Igammac, 2)     \
          X(Betainc, 3) /* bits of integers */                                                                        \
      X(BitNot, 1) X(PopCount, 1) /* uint8 result */ X(BitAnd, 2) X(BitOr, 2) X(BitXor, 2) X(ShiftLeft, 2)            \
          X(ShiftRight, 2) /* truth: bool results */                                                                  \
      X(IsNan, 1) X(IsInf, 1) X(IsFinite, 1) X(Not, 1) X(And, 2) X(Or, 2) X(Equal, 2) X(NotEqual, 2) X(Less, 2) X(    \
          LessEqual, 2) X(Greater, 2) X(GreaterEqual, 2)                                                              \
          X(Select, 3) /* (bool, T, T) -> T */ /* complex: parts are float for complex64 and double for complex128 */ \
      X(Complex, 2) /* (real, imaginary) */ X(Real, 1) X(Imag, 1) X(Angle, 1) X(ComplexAbs, 1)

enum class ExprOp : uint8_t {
#define MOULIN_ENUMERATOR(name, operands) k##name,
  MOULIN_EXPR_OPS(MOULIN_ENUMERATOR)
#undef MOULIN_ENUMERATOR
};

absl::string_view Name(ExprOp op);
int NumOperands(ExprOp op);

// A constant of any numeric type. Integers (and bool as 0 or 1) are held exactly, uint64 by its bits.
struct ExprConstant {
  double real = 0;
  double imag = 0;
  int64_t integer = 0;
  // By bits, so that 0 and -0 differ and a NaN equals itself.
  bool operator==(const ExprConstant& other) const {
    return std::bit_cast<uint64_t>(real) == std::bit_cast<uint64_t>(other.real) &&
           std::bit_cast<uint64_t>(imag) == std::bit_cast<uint64_t>(other.imag) && integer == other.integer;
  }
};

struct Instr {
  ExprOp op = ExprOp::kInput;
  DType type = DType::kInvalid;    // of the result
  int16_t args[3] = {-1, -1, -1};  // indices of earlier instructions
  int16_t input = 0;               // for kInput: which input of the node
  ExprConstant value;              // for kConstant
  bool operator==(const Instr&) const = default;
};

// Built bottom-up:
//   Expr e;
//   int x = e.Input(0, DType::kFloat32);
//   e.Binary(ExprOp::kMax, x, e.Constant(DType::kFloat32, 0));   // the last instruction is the result
// Every method that appends returns the index of its instruction. Not thread-safe while being built.
class Expr {
 public:
  int Input(int input, DType type);
  int Constant(DType type, double value);      // for integers: value must be exactly representable
  int IntConstant(DType type, int64_t value);  // exact for 64-bit integers
  int Cast(int a, DType to);                   // `a` itself where it has that type already
  int Unary(ExprOp op, int a);
  int Binary(ExprOp op, int a, int b);
  int Ternary(ExprOp op, int a, int b, int c);
  // Appends any instruction whose args are set; deduces nothing.
  int Append(const Instr& instr);

  // Appends `other`, its input i replaced by instruction inputs[i] of this expression; returns its result's index.
  int AppendExpr(const Expr& other, absl::Span<const int> inputs);
  // Appends `other`, its input i becoming input inputs[i] of this expression.
  int AppendRenumbered(const Expr& other, absl::Span<const int> inputs);

  bool empty() const { return instrs_.empty(); }
  int size() const { return static_cast<int>(instrs_.size()); }
  absl::Span<const Instr> instrs() const { return instrs_; }
  const Instr& operator[](int i) const { return instrs_[i]; }
  DType result_type() const { return instrs_.empty() ? DType::kInvalid : instrs_.back().type; }
  int num_inputs() const;  // 1 + the highest input used; 0 where none is

  // Makes instruction `i` the last (copying it if needed), drops what it does not need, merges equal instructions.
  void SetResult(int i);

  // OK where args point backwards, types fit the ops, and input numbers are below `num_inputs`.
  Status Verify(int num_inputs) const;

  std::string ToString() const;  // "Max(Add($0, $1), 0)", inputs being $0, $1...
  bool operator==(const Expr&) const = default;

 private:
  std::vector<Instr> instrs_;
};

// The type that `op` gives for operands of type `operand` (the second and third for kSelect).
DType ResultType(ExprOp op, DType operand);

}  // namespace moulin

#endif  // MOULIN_IR_EXPR_H_
