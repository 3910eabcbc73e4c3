// What passes need of constants: their elements as doubles, and who shares them.
#ifndef MOULIN_PASSES_CONSTANTS_H_
#define MOULIN_PASSES_CONSTANTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "ir/expr.h"
#include "ir/graph.h"
#include "moulin/tensor.h"

namespace moulin {

// The single element of a numeric or bool tensor as an expression's constant; nothing for other tensors.
std::optional<ExprConstant> ScalarConstant(const Tensor& tensor);

// The elements of a float16, bfloat16, float32 or float64 tensor; nothing for other types.
std::optional<std::vector<double>> ToDoubles(const Tensor& tensor);

// The reverse, rounding to a floating `type`.
Tensor FromDoubles(DType type, const Shape& shape, absl::Span<const double> values);

// How many of the graph's constants have their elements at an address: a view of another one shares them.
absl::flat_hash_map<const void*, int> UsesOfMemory(const Graph& graph);

}  // namespace moulin

#endif  // MOULIN_PASSES_CONSTANTS_H_
