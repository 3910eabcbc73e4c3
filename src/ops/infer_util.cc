#include "ops/infer_util.h"

#include <algorithm>

namespace moulin {

Status CheckRank(const PartialShape& shape, int rank, absl::string_view what) {
  if (!shape.has_rank() || shape.rank() == rank) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, what, ": expected rank ", rank, ", found ", shape.ToString());
}

Status CheckRankAtLeast(const PartialShape& shape, int rank, absl::string_view what) {
  if (!shape.has_rank() || shape.rank() >= rank) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, what, ": expected rank ", rank, " or more, found ", shape.ToString());
}

Status CheckDType(DType found, DType expected, absl::string_view what) {
  if (found == expected) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, what, ": expected ", Name(expected), ", found ", Name(found));
}

Status CheckIndexDType(DType found, absl::string_view what) {
  if (IsInteger(found) && !IsQuantized(found)) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, what, ": expected an integer type, found ", Name(found));
}

StatusOr<int64_t> MergeDim(int64_t a, int64_t b, absl::string_view what) {
  if (a == kUnknownDim) return b;
  if (b == kUnknownDim || a == b) return a;
  return MakeError(ErrorCode::kShape, what, ": sizes must be equal, found ", a, " and ", b);
}

StatusOr<PartialShape> MergeShapes(const PartialShape& a, const PartialShape& b, absl::string_view what) {
  if (!a.has_rank()) return b;
  if (!b.has_rank()) return a;
  bool agree = a.rank() == b.rank();
  PartialShape merged = a;
  for (int i = 0; agree && i < a.rank(); ++i) {
    const StatusOr<int64_t> size = MergeDim(a.dim(i), b.dim(i), what);
    agree = size.ok();
    if (agree) merged.set_dim(i, *size);
  }
  if (agree) return merged;
  return MakeError(ErrorCode::kShape, what, ": shapes must be equal, found ", a.ToString(), " and ", b.ToString());
}

StatusOr<PartialShape> BroadcastPartial(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank()) return PartialShape::UnknownRank();
  const int rank = std::max(a.rank(), b.rank());
  PartialShape out = PartialShape::OfRank(rank);
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank());
    const int ib = i - (rank - b.rank());
    const int64_t da = ia < 0 ? 1 : a.dim(ia);
    const int64_t db = ib < 0 ? 1 : b.dim(ib);
    if (da == 1 || (da == kUnknownDim && db != 1)) {
      out.set_dim(i, db);
    } else if (db == 1 || db == kUnknownDim || da == db) {
      out.set_dim(i, da);
    } else {
      return MakeError(ErrorCode::kShape, "shapes ", a.ToString(), " and ", b.ToString(),
                       " do not broadcast: sizes must be equal or 1, found ", da, " and ", db);
    }
  }
  return out;
}

StatusOr<int> NormalizeAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return MakeError(ErrorCode::kValue, "axis ", axis, " is outside the ", rank, " axes of the operand: expected ",
                     -rank, " to ", rank - 1);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank) {
  std::vector<int> normal;
  normal.reserve(axes.size());
  for (int64_t axis : axes) {
    MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis, rank));
    normal.push_back(a);
  }
  std::sort(normal.begin(), normal.end());
  const auto twice = std::adjacent_find(normal.begin(), normal.end());
  if (twice != normal.end()) return MakeError(ErrorCode::kValue, "axis ", *twice, " is given twice");
  return normal;
}

StatusOr<std::vector<int64_t>> IntElements(const Tensor& t, absl::string_view what) {
  const int64_t n = t.num_elements();
  std::vector<int64_t> out(n);
  const auto copy = [&](auto zero) {
    using T = decltype(zero);
    const auto values = t.values<T>();
    std::copy(values.begin(), values.end(), out.begin());
  };
  switch (t.dtype()) {
    case DType::kInt8: copy(int8_t{}); break;
    case DType::kInt16: copy(int16_t{}); break;
    case DType::kInt32: copy(int32_t{}); break;
    case DType::kInt64: copy(int64_t{}); break;
    case DType::kUInt8: copy(uint8_t{}); break;
    case DType::kUInt16: copy(uint16_t{}); break;
    case DType::kUInt32: copy(uint32_t{}); break;
    case DType::kUInt64: copy(uint64_t{}); break;
    default: return MakeError(ErrorCode::kDType, what, ": expected an integer type, found ", Name(t.dtype()));
  }
  return out;
}

StatusOr<int64_t> ScalarInt(const Tensor& t, absl::string_view what) {
  if (t.num_elements() != 1) {
    return MakeError(ErrorCode::kShape, what, ": expected one element, found shape ", t.shape().ToString());
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> values, IntElements(t, what));
  return values[0];
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

Status CheckResultSize(DType type, absl::Span<const int64_t> dims, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
  const int64_t size = std::max<int64_t>(static_cast<int64_t>(SizeOf(type)), 1);
  if (shape.num_elements() <= limits.tensor_bytes / size) return absl::OkStatus();
  return MakeError(ErrorCode::kLimit, "a result of ", ShortName(type), shape.ToString(), " is above the limit of ",
                   limits.tensor_bytes, " bytes for a tensor");
}

std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to) {
  std::vector<int64_t> strides(to.rank(), 0);
  int64_t stride = 1;
  for (int i = shape.rank() - 1, j = to.rank() - 1; i >= 0; --i, --j) {
    if (shape.dim(i) != 1) strides[j] = stride;
    stride *= shape.dim(i);
  }
  return strides;
}

}  // namespace moulin
