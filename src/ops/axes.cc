#include "ops/axes.h"

#include <algorithm>

namespace moulin {

StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank) {
  std::vector<int> normal;
  normal.reserve(axes.size());
  for (int64_t axis : axes) {
    MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis, rank));
    normal.push_back(a);
  }
  std::sort(normal.begin(), normal.end());
  const auto twice = std::adjacent_find(normal.begin(), normal.end());
  if (twice != normal.end()) return MakeError(ErrorCode::kAttribute, "axis ", *twice, " is given twice");
  return normal;
}

Status CheckIndexType(DType found, absl::string_view what) {
  if (IsInteger(found) && !IsQuantized(found)) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, what, ": expected an integer type, found ", Name(found));
}

PartialShape SubShape(const PartialShape& shape, int begin, int end) {
  return PartialShape(shape.dims().subspan(begin, end - begin));
}

Shape SubShape(const Shape& shape, int begin, int end) { return Shape(shape.dims().subspan(begin, end - begin)); }

PartialShape ConcatShapes(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank()) return PartialShape::UnknownRank();
  PartialShape out = a;
  for (int64_t d : b.dims()) out.push_back(d);
  return out;
}

Shape ConcatShapes(const Shape& a, const Shape& b) {
  Shape out = a;
  for (int64_t d : b.dims()) out.push_back(d);
  return out;
}

Shape::Dims BroadcastStrides(const Shape& shape, const Shape& to) {
  Shape::Dims strides(to.rank(), 0);
  int64_t stride = 1;
  for (int i = shape.rank() - 1, j = to.rank() - 1; i >= 0; --i, --j) {
    if (shape.dim(i) != 1) strides[j] = stride;
    stride *= shape.dim(i);
  }
  return strides;
}

Status StoreInts(absl::Span<const int64_t> values, Tensor* t) {
  const auto store = [&](auto zero) {
    std::copy(values.begin(), values.end(), static_cast<decltype(zero)*>(t->mutable_data()));
    return absl::OkStatus();
  };
  if (static_cast<int64_t>(values.size()) != t->num_elements()) {
    return MakeError(ErrorCode::kInternal, "storing ", values.size(), " integers in ", t->shape().ToString());
  }
  switch (t->dtype()) {
    case DType::kInt8:
      return store(int8_t{});
    case DType::kInt16:
      return store(int16_t{});
    case DType::kInt32:
      return store(int32_t{});
    case DType::kInt64:
      return store(int64_t{});
    case DType::kUInt8:
      return store(uint8_t{});
    case DType::kUInt16:
      return store(uint16_t{});
    case DType::kUInt32:
      return store(uint32_t{});
    case DType::kUInt64:
      return store(uint64_t{});
    default:
      return CheckIndexType(t->dtype(), "a result of indices");
  }
}

AxisView::AxisView(const Shape& shape, int axis) : size(shape.dim(axis)) {
  for (int i = 0; i < axis; ++i) outer *= shape.dim(i);
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape.dim(i);
}

}  // namespace moulin
