// Blocks of space moved to the batch or to the channels, and back. Tests: tests/ops/block_test.cc.
#include "kernels/block_map.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// --- SpaceToBatch, BatchToSpace ---

// The operands (x, block [m], margins [m, 2]) of both.
struct BlockOperands {
  int axes = -1;  // m; -1 where not known
  std::optional<Ints> block;
  std::optional<Ints> margins;  // paddings or crops
  bool known() const { return block && margins; }
  int64_t before(int i) const { return (*margins)[2 * i]; }
  int64_t after(int i) const { return (*margins)[2 * i + 1]; }
};

StatusOr<BlockOperands> ReadBlockOperands(const InferContext& c) {
  BlockOperands b;
  MOULIN_ASSIGN_OR_RETURN(b.block, KnownInts(c, 1));
  MOULIN_ASSIGN_OR_RETURN(b.margins, KnownInts(c, 2));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the block shape"));
  const int64_t axes = KnownElements(c.shape(1));
  MOULIN_RETURN_IF_ERROR(MergeShapes(PartialShape{axes, 2}, c.shape(2), "paddings or crops").status());
  if (axes > kMaxMapRank) return MakeError(ErrorCode::kUnsupported, "blocks of ", axes, " axes");
  b.axes = static_cast<int>(axes);
  if (b.axes >= 0) MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), b.axes + 1, "the operand"));
  for (int64_t size : b.block.value_or(Ints())) {
    if (size < 1) return MakeError(ErrorCode::kShape, "a block's size must be positive, got ", size);
  }
  for (int64_t margin : b.margins.value_or(Ints())) {
    if (margin < 0) return MakeError(ErrorCode::kShape, "a padding or crop is negative: ", margin);
  }
  return b;
}

// The product of the block's sizes, or an error on overflow.
StatusOr<int64_t> BlockElements(const BlockOperands& b) {
  MOULIN_ASSIGN_OR_RETURN(const Shape block, Shape::Make(*b.block));
  return block.num_elements();
}

Status InferSpaceToBatch(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const BlockOperands b, ReadBlockOperands(c));
  const PartialShape& x = c.shape(0);
  if (!x.has_rank() || !b.known()) {
    c.Add(c.dtype(0), x.has_rank() ? PartialShape::OfRank(x.rank()) : PartialShape());
    return absl::OkStatus();
  }
  PartialShape out = x;
  MOULIN_ASSIGN_OR_RETURN(const int64_t spread, BlockElements(b));
  const std::optional<int64_t> batch = MulDims(x.dim(0), spread);
  if (!batch) return MakeError(ErrorCode::kShape, "the batch ", x.dim(0), " times ", spread, " overflows 64 bits");
  out.set_dim(0, *batch);
  for (int i = 0; i < b.axes; ++i) {
    const std::optional<int64_t> padding = AddDims(b.before(i), b.after(i));
    const std::optional<int64_t> size = padding ? AddDims(*padding, x.dim(i + 1)) : std::nullopt;
    if (!size || (*size >= 0 && *size % (*b.block)[i] != 0)) {
      return MakeError(ErrorCode::kShape, "axis ", i + 1, " of ", x.ToString(), " with paddings ", b.before(i), " and ",
                       b.after(i), " is no multiple of the block's size ", (*b.block)[i]);
    }
    out.set_dim(i + 1, *size < 0 ? kUnknownDim : *size / (*b.block)[i]);
  }
  return AddOutput(c, c.dtype(0), out);
}

Status InferBatchToSpace(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const BlockOperands b, ReadBlockOperands(c));
  const PartialShape& x = c.shape(0);
  if (!x.has_rank() || !b.known()) {
    c.Add(c.dtype(0), x.has_rank() ? PartialShape::OfRank(x.rank()) : PartialShape());
    return absl::OkStatus();
  }
  PartialShape out = x;
  MOULIN_ASSIGN_OR_RETURN(const int64_t spread, BlockElements(b));
  if (x.dim(0) >= 0 && x.dim(0) % spread != 0) {
    return MakeError(ErrorCode::kShape, "the batch ", x.dim(0), " is no multiple of the block's elements ", spread);
  }
  if (x.dim(0) >= 0) out.set_dim(0, x.dim(0) / spread);
  for (int i = 0; i < b.axes; ++i) {
    const std::optional<int64_t> whole = MulDims(x.dim(i + 1), (*b.block)[i]);
    const std::optional<int64_t> crops = AddDims(b.before(i), b.after(i));
    if (!whole || !crops || (*whole >= 0 && *crops > *whole)) {
      return MakeError(ErrorCode::kShape, "crops ", b.before(i), " and ", b.after(i), " of axis ", i + 1, " of ",
                       x.ToString(), " in blocks of ", (*b.block)[i], " are not possible");
    }
    out.set_dim(i + 1, *whole < 0 ? kUnknownDim : *whole - *crops);
  }
  return AddOutput(c, c.dtype(0), out);
}

// `space` has the smaller batch, `blocks` the larger.
StatusOr<BlockAxes> MakeBlockAxes(const KernelContext& c, const Shape& space, const Shape& blocks) {
  MOULIN_ASSIGN_OR_RETURN(const Ints block, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints margins, IntValues(c.input(2)));
  const int axes = static_cast<int>(block.size());
  BlockAxes a;
  a.batch = space.dim(0);
  a.inner = DimProduct(space.dims(), axes + 1, space.rank());
  for (int i = 0; i < axes; ++i) a.Push(block[i], margins[2 * i], space.dim(i + 1), blocks.dim(i + 1));
  return a;
}

// Padding keeps the zeros that the result is made of.
Status SpaceToBatch(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSpaceToBatch));
  MOULIN_ASSIGN_OR_RETURN(const BlockAxes a, MakeBlockAxes(c, c.input(0).shape(), c.output(0).shape()));
  GatherElements(c.input(0), c.output(0), SpaceToBatchMap{a});
  return absl::OkStatus();
}

Status BatchToSpace(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBatchToSpace));
  MOULIN_ASSIGN_OR_RETURN(const BlockAxes a, MakeBlockAxes(c, c.output(0).shape(), c.input(0).shape()));
  GatherElements(c.input(0), c.output(0), BatchToSpaceMap{a});
  return absl::OkStatus();
}

// --- SpaceToDepth, DepthToSpace ---

// The numbers of the axes of [n, h, w, c] or [n, c, h, w].
struct ImageAxes {
  int h, w, c;
  explicit ImageAxes(bool channels_last)
      : h(channels_last ? 1 : 2), w(channels_last ? 2 : 3), c(channels_last ? 3 : 1) {}
};

template <bool to_depth>
Status InferDepth(InferContext& c) {
  const auto& attrs = c.attr<BlockAttrs>();
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRank(x, 4, "the image"));
  if (attrs.block < 1 || attrs.block > (int64_t{1} << 30)) {
    return MakeError(ErrorCode::kAttribute, "the block's size must be in [1, 2^30], got ", attrs.block);
  }
  PartialShape out = PartialShape::OfRank(4);
  if (!x.has_rank()) return AddOutput(c, c.dtype(0), out);
  const ImageAxes axes(attrs.channels_last);
  out.set_dim(0, x.dim(0));
  // Sizes to divide by a block's and sizes to multiply.
  const std::pair<int, int64_t> divided[] = {{axes.h, attrs.block}, {axes.w, attrs.block}};
  const std::pair<int, int64_t> depth = {axes.c, attrs.block * attrs.block};
  for (const auto& [axis, factor] : {divided[0], divided[1], depth}) {
    const bool divide = (axis == axes.c) != to_depth;
    if (divide && x.dim(axis) >= 0 && x.dim(axis) % factor != 0) {
      return MakeError(ErrorCode::kShape, "axis ", axis, " of ", x.ToString(), " is no multiple of ", factor);
    }
    const std::optional<int64_t> product = MulDims(x.dim(axis), factor);
    if (!divide && !product) return MakeError(ErrorCode::kShape, "axis ", axis, " times ", factor, " overflows");
    out.set_dim(axis, !divide ? *product : x.dim(axis) < 0 ? kUnknownDim : x.dim(axis) / factor);
  }
  return AddOutput(c, c.dtype(0), out);
}

// Both are a transposition of [n, h, block, w, block, c] and [n, h, w, block, block, c] (c in front for NCHW).
Status SpaceToDepth(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDepth<true>));
  const auto& attrs = c.attr<BlockAttrs>();
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  const ImageAxes axes(attrs.channels_last);
  const Shape::Dims strides = RowMajorStrides(x);
  StridedMap map;
  const auto push_space = [&] {
    map.Push(y.dim(axes.h), strides[axes.h] * attrs.block);
    map.Push(y.dim(axes.w), strides[axes.w] * attrs.block);
  };
  map.Push(x.dim(0), strides[0]);
  if (attrs.channels_last) push_space();
  map.Push(attrs.block, strides[axes.h]);
  map.Push(attrs.block, strides[axes.w]);
  map.Push(x.dim(axes.c), strides[axes.c]);
  if (!attrs.channels_last) push_space();
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

Status DepthToSpace(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDepth<false>));
  const auto& attrs = c.attr<BlockAttrs>();
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  const ImageAxes axes(attrs.channels_last);
  const Shape::Dims strides = RowMajorStrides(x);
  const int64_t column = y.dim(axes.c) * strides[axes.c];  // from one column of a block to the next
  StridedMap map;
  map.Push(x.dim(0), strides[0]);
  if (!attrs.channels_last) map.Push(y.dim(axes.c), strides[axes.c]);
  map.Push(x.dim(axes.h), strides[axes.h]);
  map.Push(attrs.block, column * attrs.block);
  map.Push(x.dim(axes.w), strides[axes.w]);
  map.Push(attrs.block, column);
  if (attrs.channels_last) map.Push(y.dim(axes.c), strides[axes.c]);
  GatherElements(c.input(0), c.output(0), map);
  return absl::OkStatus();
}

constexpr OpDef kBlockOps[] = {
    {OpKind::kSpaceToBatch, 3, 3, InferSpaceToBatch, SpaceToBatch, Input(1) | Input(2)},
    {OpKind::kBatchToSpace, 3, 3, InferBatchToSpace, BatchToSpace, Input(1) | Input(2)},
    {OpKind::kSpaceToDepth, 1, 1, InferDepth<true>, SpaceToDepth},
    {OpKind::kDepthToSpace, 1, 1, InferDepth<false>, DepthToSpace},
};

}  // namespace

absl::Span<const OpDef> BlockOps() { return kBlockOps; }

}  // namespace moulin
