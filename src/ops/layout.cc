// Rearranging elements: Transpose, Concat, Pad, Broadcast, Tile, Reverse, ReverseSequence, Roll. Every kernel is a walk
// over the result with a map of kernels/index_map.h. Tests: tests/ops/layout_test.cc.
#include "ops/layout.h"

#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckMapRank(const Shape& x) {
  if (x.rank() <= kMaxMapRank) return absl::OkStatus();
  return MakeError(ErrorCode::kUnsupported, "rank ", x.rank(), ", at most ", kMaxMapRank, " is supported");
}

Status InferSameAsFirst(InferContext& c) {
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

// --- Transpose ---

Status CheckPermutation(const Ints& permutation) {
  const int rank = static_cast<int>(permutation.size());
  std::vector<bool> seen(rank, false);
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= rank) {
      return MakeError(ErrorCode::kAttribute, "a permutation of ", rank, " axes holds ", axis);
    }
    if (seen[axis]) return MakeError(ErrorCode::kAttribute, "a permutation holds axis ", axis, " twice");
    seen[axis] = true;
  }
  return absl::OkStatus();
}

Status InferTranspose(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> permutation, KnownInts(c, 1));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the permutation of Transpose"));
  const int64_t entries = KnownElements(c.shape(1));
  if (x.has_rank() && entries >= 0 && entries != x.rank()) {
    return MakeError(ErrorCode::kShape, "the permutation of a tensor of shape ", x.ToString(), " has ", entries,
                     " entries, expected ", x.rank());
  }
  if (permutation) MOULIN_RETURN_IF_ERROR(CheckPermutation(*permutation));
  if (!x.has_rank() && entries < 0) {
    c.Add(c.dtype(0), PartialShape());
    return absl::OkStatus();
  }
  PartialShape out = PartialShape::OfRank(x.has_rank() ? x.rank() : static_cast<int>(entries));
  for (int i = 0; permutation && x.has_rank() && i < x.rank(); ++i) out.set_dim(i, x.dim((*permutation)[i]));
  c.Add(c.dtype(0), out);
  return absl::OkStatus();
}

Status Transpose(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTranspose));
  const Shape& x = c.input(0).shape();
  MOULIN_RETURN_IF_ERROR(CheckMapRank(x));
  MOULIN_ASSIGN_OR_RETURN(const Ints permutation, IntValues(c.input(1)));
  const Shape::Dims strides = RowMajorStrides(x);
  StridedMap map;
  for (int64_t axis : permutation) map.Push(x.dim(axis), strides[axis]);
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

// --- Broadcast ---

// Whether a tensor of shape `from` may be broadcast to `to`, as far as that is known.
bool BroadcastsTo(const PartialShape& from, const Shape& to) {
  if (!from.has_rank()) return true;
  const int missing = to.rank() - from.rank();
  bool fits = missing >= 0;
  for (int i = 0; fits && i < from.rank(); ++i) {
    fits = from.dim(i) < 0 || from.dim(i) == 1 || from.dim(i) == to.dim(i + missing);
  }
  return fits;
}

Status InferBroadcast(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> shape, KnownInts(c, 1));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the shape of Broadcast"));
  if (!shape) {
    const int64_t rank = KnownElements(c.shape(1));
    if (rank > 254) return MakeError(ErrorCode::kLimit, "rank ", rank, " is above the limit of 254");
    c.Add(c.dtype(0), rank < 0 ? PartialShape() : PartialShape::OfRank(static_cast<int>(rank)));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape to, Shape::Make(*shape));
  if (!BroadcastsTo(c.shape(0), to)) {
    return MakeError(ErrorCode::kShape, "cannot broadcast ", c.shape(0).ToString(), " to ", to.ToString());
  }
  return AddOutput(c, c.dtype(0), to);
}

Status Broadcast(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBroadcast));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap map, BroadcastMap(c.input(0).shape(), c.output(0).shape()));
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

// --- Tile ---

Status InferTile(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> multiples, KnownInts(c, 1));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the multiples of Tile"));
  const int64_t entries = KnownElements(c.shape(1));
  if (x.has_rank() && entries >= 0 && entries != x.rank()) {
    return MakeError(ErrorCode::kShape, "expected one multiple an axis of ", x.ToString(), ", got ", entries);
  }
  if (!x.has_rank() || !multiples) {
    c.Add(c.dtype(0), x.has_rank() ? PartialShape::OfRank(x.rank()) : PartialShape());
    return absl::OkStatus();
  }
  PartialShape out = PartialShape::OfRank(0);
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t multiple = (*multiples)[i];
    if (multiple < 0) return MakeError(ErrorCode::kShape, "the multiple of axis ", i, " is negative: ", multiple);
    const std::optional<int64_t> size = MulDims(x.dim(i), multiple);
    if (!size) return MakeError(ErrorCode::kLimit, "axis ", i, " of ", x.ToString(), " taken ", multiple, " times");
    out.push_back(multiple == 0 ? 0 : *size);
  }
  return AddOutput(c, c.dtype(0), out);
}

Status Tile(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTile));
  const Shape& x = c.input(0).shape();
  MOULIN_RETURN_IF_ERROR(CheckMapRank(x));
  const Shape::Dims strides = RowMajorStrides(x);
  TileMap map;
  for (int i = 0; i < x.rank(); ++i) map.Push(c.output(0).shape().dim(i), x.dim(i), strides[i]);
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

// --- Reverse ---

StatusOr<std::vector<bool>> ReversedAxes(const Ints& axes, int rank) {
  std::vector<bool> reversed(rank, false);
  for (int64_t axis : axes) {
    MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis, rank));
    if (reversed[a]) return MakeError(ErrorCode::kAttribute, "axis ", axis, " is reversed twice");
    reversed[a] = true;
  }
  return reversed;
}

Status InferReverse(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> axes, KnownInts(c, 1));
  if (axes && c.shape(0).has_rank()) MOULIN_RETURN_IF_ERROR(ReversedAxes(*axes, c.shape(0).rank()).status());
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

Status Reverse(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferReverse));
  const Shape& x = c.input(0).shape();
  MOULIN_RETURN_IF_ERROR(CheckMapRank(x));
  MOULIN_ASSIGN_OR_RETURN(const Ints axes, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<bool> reversed, ReversedAxes(axes, x.rank()));
  const Shape::Dims strides = RowMajorStrides(x);
  StridedMap map;
  for (int i = 0; i < x.rank(); ++i) {
    if (reversed[i]) map.offset += (x.dim(i) - 1) * strides[i];
    map.Push(x.dim(i), reversed[i] ? -strides[i] : strides[i]);
  }
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

// --- ReverseSequence ---

Status InferReverseSequence(InferContext& c) {
  const auto& attrs = c.attr<ReverseSequenceAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the lengths of ReverseSequence"));
  PartialShape out = c.shape(0);
  if (out.has_rank()) {
    MOULIN_ASSIGN_OR_RETURN(const int sequence, NormalizeAxis(attrs.sequence_axis, out.rank(), "the sequence axis"));
    MOULIN_ASSIGN_OR_RETURN(const int batch, NormalizeAxis(attrs.batch_axis, out.rank(), "the batch axis"));
    if (sequence == batch) return MakeError(ErrorCode::kAttribute, "the batch axis is the sequence axis ", batch);
    const int64_t lengths = KnownElements(c.shape(1));
    MOULIN_ASSIGN_OR_RETURN(const int64_t size, MergeDims(out.dim(batch), lengths, "the lengths of ReverseSequence"));
    out.set_dim(batch, size);
  }
  c.Add(c.dtype(0), out);
  return absl::OkStatus();
}

Status ReverseSequence(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferReverseSequence));
  const Shape& x = c.input(0).shape();
  const auto& attrs = c.attr<ReverseSequenceAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const int sequence, NormalizeAxis(attrs.sequence_axis, x.rank()));
  MOULIN_ASSIGN_OR_RETURN(const int batch, NormalizeAxis(attrs.batch_axis, x.rank()));
  MOULIN_ASSIGN_OR_RETURN(const Ints lengths, IntValues(c.input(1)));
  for (int i = 0; i < static_cast<int>(lengths.size()); ++i) {
    if (lengths[i] < 0 || lengths[i] > x.dim(sequence)) {
      return MakeError(ErrorCode::kValue, "length ", lengths[i], " of sequence ", i, " is outside [0, ",
                       x.dim(sequence), "]");
    }
  }
  const Shape::Dims strides = RowMajorStrides(x);
  GatherElements(
      c.input(0), c.output(0),
      ReverseSequenceMap<int64_t>{lengths.data(), x.dim(sequence), strides[sequence], x.dim(batch), strides[batch]});
  return absl::OkStatus();
}

// --- Roll ---

Status Roll(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSameAsFirst));
  const Shape& x = c.input(0).shape();
  MOULIN_RETURN_IF_ERROR(CheckMapRank(x));
  MOULIN_ASSIGN_OR_RETURN(const Ints shifts, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints axes, IntValues(c.input(2)));
  if (shifts.size() != axes.size()) {
    return MakeError(ErrorCode::kShape, "Roll has ", shifts.size(), " shifts but ", axes.size(), " axes");
  }
  RollMap map;
  for (int i = 0; i < x.rank(); ++i) map.Push(x.dim(i), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axes[i], x.rank(), "the axis of Roll"));
    const int64_t size = x.dim(a);
    if (size > 0) map.shifts[a] = ((map.shifts[a] + shifts[i] % size) % size + size) % size;
  }
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

constexpr OpDef kLayoutOps[] = {
    {OpKind::kTranspose, 2, 2, InferTranspose, Transpose, Input(1)},
    {OpKind::kConcat, 2, kAnyNumber, InferConcat, Concat, Input(0)},
    {OpKind::kPad, 2, 3, InferPad, Pad, Input(1)},
    {OpKind::kBroadcast, 2, 2, InferBroadcast, Broadcast, Input(1)},
    {OpKind::kTile, 2, 2, InferTile, Tile, Input(1)},
    {OpKind::kReverse, 2, 2, InferReverse, Reverse, Input(1)},
    {OpKind::kReverseSequence, 2, 2, InferReverseSequence, ReverseSequence},
    {OpKind::kRoll, 3, 3, InferSameAsFirst, Roll},
};

}  // namespace

absl::Span<const OpDef> LayoutOps() { return kLayoutOps; }

}  // namespace moulin
