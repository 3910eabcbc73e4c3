// Constants of numeric types as doubles, for the passes that compute with them.
#ifndef MOULIN_PASSES_CONSTANTS_H_
#define MOULIN_PASSES_CONSTANTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "ir/expr.h"
#include "moulin/tensor.h"

namespace moulin {

// The single element of a numeric or bool tensor as an expression's constant; nothing for other tensors.
std::optional<ExprConstant> ScalarConstant(const Tensor& tensor);

// The elements of a float16, bfloat16, float32 or float64 tensor; nothing for other types.
std::optional<std::vector<double>> ToDoubles(const Tensor& tensor);

// The reverse, rounding to a floating `type`.
Tensor FromDoubles(DType type, const Shape& shape, absl::Span<const double> values);

}  // namespace moulin

#endif  // MOULIN_PASSES_CONSTANTS_H_
