// Evaluates elementwise expressions: the reference kernel of Map, and of the epilogues of Conv and Contract.
#ifndef MOULIN_OPS_MAP_EVAL_H_
#define MOULIN_OPS_MAP_EVAL_H_

#include "absl/types/span.h"
#include "ir/expr.h"
#include "moulin/tensor.h"

namespace moulin {

// Computes `expr` for every element of `out`, which must be allocated with the expression's result type; each input
// that the expression reads must have its instruction's type and broadcast to out's shape. `out` may share its
// elements with an input of the same shape and type (each element is read before it is written).
//
// Every instruction is rounded to its type; float16 and bfloat16 are computed in float and rounded after each one.
// Errors: E_VALUE for an integer division by zero and an integer power with a negative exponent, E_DTYPE for an
// operation that its type does not have. Thread-safe.
Status EvaluateExpr(const Expr& expr, absl::Span<const Tensor> inputs, Tensor* out);

// As above for the elements [begin, end) of `out` (row-major) alone, so that threads can share the work.
Status EvaluateExprRange(const Expr& expr, absl::Span<const Tensor> inputs, int64_t begin, int64_t end, Tensor* out);

// Casts every element of `from` to the type of `to`, which must be allocated with its shape. As above else.
Status CastElements(const Tensor& from, Tensor* to);

}  // namespace moulin

#endif  // MOULIN_OPS_MAP_EVAL_H_
