// Parts of tensors: Slice, StridedSlice, its counterpart that stores, and Split. Tests: tests/ops/slice_test.cc.
#include <algorithm>

#include "ops/strided_slice.h"

namespace moulin {
namespace {

// --- Slice ---

// E_SHAPE unless both operands have one entry an axis of x.
Status CheckEntries(const InferContext& c, int operand, absl::string_view what) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(operand), 1, what));
  const int64_t n = KnownElements(c.shape(operand));
  if (n < 0 || !c.shape(0).has_rank() || n == c.shape(0).rank()) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, what, " must have one entry an axis of ", c.shape(0).ToString(), ", got ", n);
}

StatusOr<int64_t> SliceSize(int axis, int64_t dim, std::optional<int64_t> begin, std::optional<int64_t> size) {
  if (begin && (*begin < 0 || (dim >= 0 && *begin > dim))) {
    return MakeError(ErrorCode::kShape, "begin of axis ", axis, ": expected [0, ", dim, "], got ", *begin);
  }
  if (size && *size < -1) return MakeError(ErrorCode::kShape, "size of axis ", axis, " is negative: ", *size);
  if (!size) return kUnknownDim;
  if (*size == -1) return begin && dim >= 0 ? dim - *begin : kUnknownDim;
  if (begin && dim >= 0 && *size > dim - *begin) {
    return MakeError(ErrorCode::kShape, "slice of axis ", axis, ": begin ", *begin, " + size ", *size,
                     " is above the axis's size ", dim);
  }
  return *size;
}

Status InferSlice(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> begin, KnownInts(c, 1));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 2));
  MOULIN_RETURN_IF_ERROR(CheckEntries(c, 1, "the begin of Slice"));
  MOULIN_RETURN_IF_ERROR(CheckEntries(c, 2, "the size of Slice"));
  int64_t rank = c.shape(0).rank();
  if (rank < 0) rank = std::max(KnownElements(c.shape(1)), KnownElements(c.shape(2)));
  if (rank < 0) {
    c.Add(c.dtype(0), PartialShape());
    return absl::OkStatus();
  }
  if ((begin && begin->size() != rank) || (size && size->size() != rank)) {
    return MakeError(ErrorCode::kShape, "begin and size of Slice: expected ", rank, " entries each");
  }
  PartialShape out = PartialShape::OfRank(0);
  for (int i = 0; i < rank; ++i) {
    const int64_t dim = c.shape(0).has_rank() ? c.shape(0).dim(i) : kUnknownDim;
    MOULIN_ASSIGN_OR_RETURN(const int64_t n,
                            SliceSize(i, dim, begin ? std::optional<int64_t>((*begin)[i]) : std::nullopt,
                                      size ? std::optional<int64_t>((*size)[i]) : std::nullopt));
    out.push_back(n);
  }
  return AddOutput(c, c.dtype(0), out);
}

Status Slice(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSlice));
  const Shape& x = c.input(0).shape();
  DenseSlice slice;
  for (int i = 0; i < x.rank(); ++i) {
    slice.strides.push_back(1);
    slice.sizes.push_back(c.output(0).shape().dim(i));
  }
  MOULIN_ASSIGN_OR_RETURN(const Ints begin, IntValues(c.input(1)));
  slice.begin.assign(begin.begin(), begin.end());
  MOULIN_ASSIGN_OR_RETURN(const StridedMap map, SliceMap(x, slice));
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

// --- StridedSlice ---

// Nothing where the rank of the operand or the number of entries is not known.
StatusOr<std::optional<DenseSlice>> InferDenseSlice(const InferContext& c) {
  int64_t count = kUnknownDim;
  std::optional<Ints> operands[3];
  for (int i = 0; i < 3; ++i) {
    MOULIN_ASSIGN_OR_RETURN(operands[i], KnownInts(c, i + 1));
    MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i + 1), 1, "begin, end and strides of a slice"));
    MOULIN_ASSIGN_OR_RETURN(count, MergeDims(count, KnownElements(c.shape(i + 1)), "entries of begin, end, strides"));
  }
  if (!c.shape(0).has_rank() || count < 0) return std::optional<DenseSlice>();
  MOULIN_ASSIGN_OR_RETURN(DenseSlice slice, ResolveStridedSlice(c.attr<StridedSliceAttrs>(), c.shape(0), count,
                                                                operands[0], operands[1], operands[2]));
  return std::optional<DenseSlice>(std::move(slice));
}

Status InferStridedSlice(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<DenseSlice> slice, InferDenseSlice(c));
  c.Add(c.dtype(0), slice ? slice->result : PartialShape());
  return absl::OkStatus();
}

StatusOr<DenseSlice> KnownDenseSlice(const KernelContext& c) {
  std::optional<Ints> operands[3];
  for (int i = 0; i < 3; ++i) {
    MOULIN_ASSIGN_OR_RETURN(operands[i], IntValues(c.input(i + 1)));
  }
  return ResolveStridedSlice(c.attr<StridedSliceAttrs>(), c.input(0).shape(), operands[0]->size(), operands[0],
                             operands[1], operands[2]);
}

Status StridedSlice(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStridedSlice));
  MOULIN_ASSIGN_OR_RETURN(const DenseSlice slice, KnownDenseSlice(c));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap map, SliceMap(c.input(0).shape(), slice));
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

Status InferStridedSliceUpdate(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(4), "the value of a slice update"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<DenseSlice> slice, InferDenseSlice(c));
  if (slice && slice->result.IsFullyKnown() && c.shape(4).has_rank()) {
    MOULIN_ASSIGN_OR_RETURN(const PartialShape both, BroadcastPartial(slice->result, c.shape(4)));
    MOULIN_RETURN_IF_ERROR(MergeShapes(slice->result, both, "the value of a slice update").status());
  }
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

Status StridedSliceUpdate(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStridedSliceUpdate));
  CopyElements(c.input(0), 0, c.output(0), 0, c.input(0).num_elements());
  MOULIN_ASSIGN_OR_RETURN(const DenseSlice slice, KnownDenseSlice(c));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap map, SliceMap(c.input(0).shape(), slice));
  const Shape target = slice.result.ToShape();
  MOULIN_ASSIGN_OR_RETURN(const StridedMap from, BroadcastMap(c.input(4).shape(), target));
  MOULIN_ASSIGN_OR_RETURN(Tensor value, Tensor::Allocate(c.input(4).dtype(), target));
  GatherElements(c.input(4), value, from);
  ScatterElements(value, c.output(0), map);
  return absl::OkStatus();
}

// --- Split ---

// Gives the size -1, if there is one, what the others leave of `dim`.
Status ResolveSplitSizes(int64_t dim, Ints* sizes) {
  int free_size = -1;
  int64_t sum = 0;
  for (int i = 0; i < static_cast<int>(sizes->size()); ++i) {
    const int64_t size = (*sizes)[i];
    if (size == -1 && free_size < 0) {
      free_size = i;
    } else if (size < 0 || __builtin_add_overflow(sum, size, &sum)) {
      return MakeError(ErrorCode::kShape, "size ", size, " of part ", i, " of a Split is not possible");
    }
  }
  if (dim < 0) return absl::OkStatus();
  if (free_size >= 0 ? sum > dim : sum != dim) {
    return MakeError(ErrorCode::kShape, "the sizes of a Split add up to ", sum, ", the axis has ", dim);
  }
  if (free_size >= 0) (*sizes)[free_size] = dim - sum;
  return absl::OkStatus();
}

Status InferSplit(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis of Split"));
  MOULIN_ASSIGN_OR_RETURN(std::optional<Ints> sizes, KnownInts(c, 2));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(2), 1, "the sizes of Split"));
  const int64_t n = KnownElements(c.shape(2));
  if (n < 0) return MakeError(ErrorCode::kUnsupported, "Split into a number of parts that is not known");
  if (n > c.limits.inputs_per_node) return MakeError(ErrorCode::kLimit, "Split into ", n, " parts");
  const PartialShape& x = c.shape(0);
  if (!x.has_rank() || !axis) {
    for (int64_t i = 0; i < n; ++i) c.Add(c.dtype(0), x.has_rank() ? PartialShape::OfRank(x.rank()) : PartialShape());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(*axis, x.rank()));
  if (sizes) MOULIN_RETURN_IF_ERROR(ResolveSplitSizes(x.dim(a), &*sizes));
  for (int64_t i = 0; i < n; ++i) {
    PartialShape part = x;
    part.set_dim(a, sizes ? (*sizes)[i] : kUnknownDim);
    MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), part));
  }
  return absl::OkStatus();
}

Status Split(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSplit));
  const Tensor& x = c.input(0);
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], x.shape().rank()));
  const int64_t outer = DimProduct(x.shape().dims(), 0, a);
  const int64_t row = DimProduct(x.shape().dims(), a, x.shape().rank());
  int64_t begin = 0;
  for (Tensor& part : c.outputs) {
    const int64_t n = DimProduct(part.shape().dims(), a, part.shape().rank());
    for (int64_t i = 0; i < outer; ++i) CopyElements(x, i * row + begin, part, i * n, n);
    begin += n;
  }
  return absl::OkStatus();
}

constexpr OpDef kSliceOps[] = {
    {OpKind::kSlice, 3, 3, InferSlice, Slice, Input(1) | Input(2)},
    {OpKind::kStridedSlice, 4, 4, InferStridedSlice, StridedSlice, Input(1) | Input(2) | Input(3)},
    {OpKind::kStridedSliceUpdate, 5, 5, InferStridedSliceUpdate, StridedSliceUpdate, Input(1) | Input(2) | Input(3)},
    {OpKind::kSplit, 3, 3, InferSplit, Split, Input(1) | Input(2)},
};

}  // namespace

absl::Span<const OpDef> SliceOps() { return kSliceOps; }

}  // namespace moulin
