#include "ops/op_util.h"

#include <algorithm>

namespace moulin {

StatusOr<std::optional<Ints>> KnownInts(const InferContext& c, int i) {
  if (!IsInteger(c.dtype(i))) {
    return MakeError(ErrorCode::kDType, "operand ", i, " must be of an integer type, got ", ShortName(c.dtype(i)));
  }
  if (c.constant(i) == nullptr) return std::optional<Ints>();
  MOULIN_ASSIGN_OR_RETURN(Ints values, IntValues(*c.constant(i)));
  return std::optional<Ints>(std::move(values));
}

StatusOr<std::optional<int64_t>> KnownInt(const InferContext& c, int i, absl::string_view what) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> values, KnownInts(c, i));
  if (!values) return std::optional<int64_t>();
  if (values->size() != 1) {
    return MakeError(ErrorCode::kShape, what, " must hold one element, got shape ", c.shape(i).ToString());
  }
  return std::optional<int64_t>((*values)[0]);
}

int64_t KnownElements(const PartialShape& shape) {
  if (!shape.has_rank()) return kUnknownDim;
  return DimProduct(shape.dims(), 0, shape.rank());
}

StatusOr<int> NormalizeAxis(int64_t axis, int rank, absl::string_view what) {
  if (axis < -rank || axis >= rank) {
    return MakeError(ErrorCode::kAttribute, what, " ", axis, " is outside [", -rank, ", ", rank, ") for rank ", rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Status CheckRank(const PartialShape& shape, int rank, absl::string_view what) {
  if (!shape.has_rank() || shape.rank() == rank) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, what, " must have rank ", rank, ", got shape ", shape.ToString());
}

Status CheckRankAtLeast(const PartialShape& shape, int rank, absl::string_view what) {
  if (!shape.has_rank() || shape.rank() >= rank) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, what, " must have rank ", rank, " or more, got shape ", shape.ToString());
}

Status CheckSameType(DType a, DType b, absl::string_view what) {
  if (a == b) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, what, ": expected ", ShortName(a), ", got ", ShortName(b));
}

StatusOr<int64_t> MergeDims(int64_t a, int64_t b, absl::string_view what) {
  if (a < 0) return b;
  if (b < 0 || a == b) return a;
  return MakeError(ErrorCode::kShape, what, ": expected size ", a, ", got ", b);
}

StatusOr<PartialShape> MergeShapes(const PartialShape& a, const PartialShape& b, absl::string_view what) {
  if (!a.has_rank()) return b;
  if (!b.has_rank()) return a;
  PartialShape merged = a;
  bool same = a.rank() == b.rank();
  for (int i = 0; same && i < a.rank(); ++i) {
    if (a.dim(i) < 0) merged.set_dim(i, b.dim(i));
    same = a.dim(i) < 0 || b.dim(i) < 0 || a.dim(i) == b.dim(i);
  }
  if (same) return merged;
  return MakeError(ErrorCode::kShape, what, ": expected shape ", a.ToString(), ", got ", b.ToString());
}

StatusOr<PartialShape> BroadcastPartial(const PartialShape& a, const PartialShape& b) {
  PartialShape out;
  if (!a.has_rank() || !b.has_rank()) return out;
  const int rank = std::max(a.rank(), b.rank());
  out = PartialShape::OfRank(rank);
  for (int i = 0; i < rank; ++i) {
    const int64_t x = i < rank - a.rank() ? 1 : a.dim(i - (rank - a.rank()));
    const int64_t y = i < rank - b.rank() ? 1 : b.dim(i - (rank - b.rank()));
    if (x == 1 || x == y) {
      out.set_dim(i, y);
    } else if (y == 1) {
      out.set_dim(i, x);
    } else if (x < 0 || y < 0) {
      out.set_dim(i, std::max(x, y));  // the unknown one can only be 1 or the other's size
    } else {
      return MakeError(ErrorCode::kShape, "shapes do not broadcast: ", a.ToString(), " and ", b.ToString());
    }
  }
  return out;
}

Status AddOutput(InferContext& c, DType dtype, const PartialShape& shape) {
  if (!shape.has_rank()) {
    c.Add(dtype, shape);
    return absl::OkStatus();
  }
  Shape::Dims known;
  for (int64_t d : shape.dims()) {
    if (d != kUnknownDim) known.push_back(d);
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape checked, Shape::Make(known));
  int64_t bytes;
  if (__builtin_mul_overflow(checked.num_elements(), std::max<int64_t>(SizeOf(dtype), 1), &bytes) ||
      bytes > c.limits.tensor_bytes) {
    return MakeError(ErrorCode::kLimit, "a result of type ", ShortName(dtype), shape.ToString(),
                     " takes more than the limit of ", c.limits.tensor_bytes, " bytes");
  }
  c.Add(dtype, shape);
  return absl::OkStatus();
}

std::optional<int64_t> MulDims(int64_t a, int64_t b) {
  if (a == kUnknownDim || b == kUnknownDim) return kUnknownDim;
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<int64_t> AddDims(int64_t a, int64_t b) {
  if (a == kUnknownDim || b == kUnknownDim) return kUnknownDim;
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

int64_t DimProduct(absl::Span<const int64_t> dims, int begin, int end) {
  int64_t product = 1;
  bool unknown = false;
  for (int i = begin; i < end; ++i) {
    if (dims[i] == 0) return 0;
    if (dims[i] < 0) {
      unknown = true;
    } else if (__builtin_mul_overflow(product, dims[i], &product)) {
      return kUnknownDim;
    }
  }
  return unknown ? kUnknownDim : product;
}

Shape::Dims RowMajorStrides(const Shape& shape) {
  Shape::Dims strides(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * shape.dim(i + 1);
  return strides;
}

StatusOr<StridedMap> BroadcastMap(const Shape& from, const Shape& to) {
  if (to.rank() > kMaxMapRank) {
    return MakeError(ErrorCode::kUnsupported, "rank ", to.rank(), ", at most ", kMaxMapRank, " is supported");
  }
  const int missing = to.rank() - from.rank();
  bool fits = missing >= 0;
  const Shape::Dims strides = RowMajorStrides(from);
  StridedMap map;
  for (int i = 0; fits && i < to.rank(); ++i) {
    const int64_t size = i < missing ? 1 : from.dim(i - missing);
    fits = size == 1 || size == to.dim(i);
    map.Push(to.dim(i), size == 1 ? 0 : strides[i - missing]);
  }
  if (fits) return map;
  return MakeError(ErrorCode::kShape, "cannot broadcast ", from.ToString(), " to ", to.ToString());
}

Status InferFromInputs(const KernelContext& c, InferFn infer, std::vector<TensorType>* outputs) {
  std::vector<TensorType> types;
  std::vector<const Tensor*> constants;
  for (const Tensor& t : c.inputs) {
    types.push_back({t.dtype(), t.shape()});
    constants.push_back(&t);
  }
  InferContext context{c.attrs, types, constants, c.limits, outputs};
  return infer(context);
}

Status AllocateInferred(const KernelContext& c, InferFn infer) {
  std::vector<TensorType> outputs;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, infer, &outputs));
  if (outputs.size() != c.outputs.size()) {
    return MakeError(ErrorCode::kInternal, "expected ", c.outputs.size(), " outputs, inferred ", outputs.size());
  }
  for (int i = 0; i < static_cast<int>(outputs.size()); ++i) {
    if (!outputs[i].shape.IsFullyKnown()) {
      return MakeError(ErrorCode::kInternal, "output ", i, " has no known shape: ", outputs[i].ToString());
    }
    MOULIN_RETURN_IF_ERROR(c.Allocate(i, outputs[i].dtype, outputs[i].shape.ToShape()));
  }
  return absl::OkStatus();
}

void CopyElements(const Tensor& src, int64_t src_begin, Tensor& dst, int64_t dst_begin, int64_t count) {
  if (count == 0) return;
  if (src.dtype() == DType::kString) {
    std::copy_n(src.strings().begin() + src_begin, count, dst.mutable_strings().begin() + dst_begin);
    return;
  }
  const int64_t size = static_cast<int64_t>(SizeOf(src.dtype()));
  std::memcpy(static_cast<char*>(dst.mutable_data()) + dst_begin * size,
              static_cast<const char*>(src.data()) + src_begin * size, count * size);
}

}  // namespace moulin
