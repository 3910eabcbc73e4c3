// Tensors of any type from the scalars of an expression.
#ifndef MOULIN_CLI_SCALAR_TENSOR_H_
#define MOULIN_CLI_SCALAR_TENSOR_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "cli/expression_parser.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin::cli {

// What the elements of one expression may take.
inline constexpr int64_t kMaxTensorBytes = int64_t{4} << 30;

// The shape, where it is one and its elements take so much at most; else E_SHAPE or E_LIMIT.
StatusOr<Shape> BoundedShape(const std::vector<int64_t>& dims, DType type);

// The element of a row-major index.
using ScalarAt = std::function<Scalar(int64_t)>;

// E_VALUE for a scalar that the type cannot hold, E_DTYPE for a type without values, and the errors of BoundedShape.
StatusOr<Tensor> MakeTensor(const std::vector<int64_t>& dims, DType type, const ScalarAt& value);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_SCALAR_TENSOR_H_
