// What shape functions and kernels share: checks of ranks, axes and sizes that may still be unknown.
//
// Every check passes where what it needs is unknown, and says what was expected and what was found otherwise.
#ifndef MOULIN_OPS_INFER_UTIL_H_
#define MOULIN_OPS_INFER_UTIL_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "moulin/shape.h"
#include "moulin/tensor.h"
#include "ops/op_def.h"

namespace moulin {

// E_SHAPE unless the rank is `rank` (or at least `rank`); `what` names the operand ("axes", "the filter").
Status CheckRank(const PartialShape& shape, int rank, absl::string_view what);
Status CheckRankAtLeast(const PartialShape& shape, int rank, absl::string_view what);

// E_DTYPE unless the type is the expected one.
Status CheckDType(DType found, DType expected, absl::string_view what);
// E_DTYPE unless the type is an integer type that indices come in (int32, int64; int8 to uint64 too).
Status CheckIndexDType(DType found, absl::string_view what);

// The size that two axes which must agree have; E_SHAPE where they differ.
StatusOr<int64_t> MergeDim(int64_t a, int64_t b, absl::string_view what);
// The same for whole shapes.
StatusOr<PartialShape> MergeShapes(const PartialShape& a, const PartialShape& b, absl::string_view what);

// The shape that both broadcast to by NumPy's rules. An unknown size beside n > 1 (or 0) becomes n, beside 1 stays
// unknown.
StatusOr<PartialShape> BroadcastPartial(const PartialShape& a, const PartialShape& b);

// `axis` counted from the front, for an axis in [-rank, rank); E_VALUE otherwise.
StatusOr<int> NormalizeAxis(int64_t axis, int rank);
// The same for several, of which none may be given twice; ascending.
StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank);

// The element of an integer tensor of one element (a scalar, or a vector of size 1).
StatusOr<int64_t> ScalarInt(const Tensor& t, absl::string_view what);
// All elements of an integer tensor.
StatusOr<std::vector<int64_t>> IntElements(const Tensor& t, absl::string_view what);

// The axes [begin, end) of a shape of known rank.
PartialShape SubShape(const PartialShape& shape, int begin, int end);
Shape SubShape(const Shape& shape, int begin, int end);
// a's axes followed by b's.
PartialShape ConcatShapes(const PartialShape& a, const PartialShape& b);
Shape ConcatShapes(const Shape& a, const Shape& b);

// E_LIMIT where a result of this size is beyond `limits`, E_SHAPE where its size overflows. Call it before allocating
// what a tensor's element decides the size of.
Status CheckResultSize(DType type, absl::Span<const int64_t> dims, const Limits& limits);

// Row-major strides, in elements, of `shape` seen as broadcast to `to` (0 where an axis repeats); shape must broadcast.
std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to);

}  // namespace moulin

#endif  // MOULIN_OPS_INFER_UTIL_H_
