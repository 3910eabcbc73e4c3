// Sets of axes and pieces of shapes, for shape functions and kernels that work along some axes.
#ifndef MOULIN_OPS_AXES_H_
#define MOULIN_OPS_AXES_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "moulin/shape.h"
#include "moulin/tensor.h"
#include "ops/op_util.h"

namespace moulin {

// The axes counted from the front, ascending; E_ATTR where one is outside [-rank, rank) or given twice.
StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank);

// E_DTYPE unless the type is int8 to int64 or uint8 to uint64.
Status CheckIndexType(DType found, absl::string_view what);

// The axes [begin, end) of a shape (of known rank).
PartialShape SubShape(const PartialShape& shape, int begin, int end);
Shape SubShape(const Shape& shape, int begin, int end);
// a's axes followed by b's.
PartialShape ConcatShapes(const PartialShape& a, const PartialShape& b);
Shape ConcatShapes(const Shape& a, const Shape& b);

// The strides, in elements, with which `shape` is read as if broadcast to `to`: 0 where an axis repeats.
Shape::Dims BroadcastStrides(const Shape& shape, const Shape& to);

// Writes as many integers as `t`, of an integer type, has elements.
Status StoreInts(absl::Span<const int64_t> values, Tensor* t);

// A shape seen from one of its axes: element (o, i, k) lies at (o * size + i) * inner + k.
struct AxisView {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
  AxisView(const Shape& shape, int axis);
};

}  // namespace moulin

#endif  // MOULIN_OPS_AXES_H_
