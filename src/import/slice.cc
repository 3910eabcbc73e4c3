// Parts of tensors: slices and splits.
#include "import/lowering.h"

namespace moulin {
namespace {

void LowerSlice(LoweringContext& c) { c.Output(c.b.Add(OpKind::kSlice, NoAttrs{}, c.inputs())); }

StridedSliceAttrs ReadMasks(LoweringContext& c) {
  StridedSliceAttrs attrs;
  attrs.begin_mask = c.Int("begin_mask", 0);
  attrs.end_mask = c.Int("end_mask", 0);
  attrs.ellipsis_mask = c.Int("ellipsis_mask", 0);
  attrs.new_axis_mask = c.Int("new_axis_mask", 0);
  attrs.shrink_axis_mask = c.Int("shrink_axis_mask", 0);
  return attrs;
}

template <OpKind kKind>
void LowerStridedSlice(LoweringContext& c) {
  c.Output(c.b.Add(kKind, ReadMasks(c), c.inputs()));
}

// How many parts, by attribute.
bool ReadCount(LoweringContext& c, absl::string_view attr, int64_t* count) {
  *count = c.Int(attr, 0);
  if (*count < 0 || *count > c.b.limits().inputs_per_node) {
    c.BadAttr(attr, absl::StrCat("expected 0 to ", c.b.limits().inputs_per_node, ", got ", *count));
    return false;
  }
  return true;
}

// The size of x along `axis`, which may be counted from the end: an int64 scalar.
ValueId SizeAlong(GraphBuilder& b, ValueId x, ValueId axis) {
  const ValueId rank = b.Cast(b.Add(OpKind::kRankOf, NoAttrs{}, {x}), DType::kInt64);
  const ValueId wide = b.Cast(axis, DType::kInt64);
  const ValueId from_end = b.Binary(ExprOp::kLess, wide, b.Int(0));
  const ValueId position = b.Select(from_end, b.Binary(ExprOp::kAdd, wide, rank), wide);
  return b.Add(OpKind::kGather, GatherAttrs{}, {b.ShapeOf(x), position, b.Int(0)});
}

// The size of each of `count` equal parts of x: a vector. Constant where the size of the axis is known.
ValueId EqualSizes(LoweringContext& c, ValueId x, ValueId axis, int64_t count) {
  const PartialShape& shape = c.b.shape(x);
  std::vector<int64_t> at;
  if (c.b.ConstantInts(axis, &at) && at.size() == 1 && shape.has_rank()) {
    const int64_t i = at[0] < 0 ? at[0] + shape.rank() : at[0];
    if (i < 0 || i >= shape.rank()) {
      c.b.Fail(MakeError(ErrorCode::kAttribute, "axis ", at[0], " of ", shape.ToString()));
      return kNoId;
    }
    if (shape.dim(i) != kUnknownDim) {
      if (shape.dim(i) % count == 0) return c.b.Ints(std::vector<int64_t>(count, shape.dim(i) / count));
      c.b.Fail(MakeError(ErrorCode::kShape, "axis ", i, " of ", shape.ToString(), " does not split into ", count,
                         " equal parts"));
      return kNoId;
    }
  }
  const ValueId size = c.b.Binary(ExprOp::kFloorDiv, SizeAlong(c.b, x, axis), c.b.Int(count));
  return c.b.Add(OpKind::kBroadcast, NoAttrs{}, {size, c.b.Ints({count})});
}

std::vector<ValueId> EmitSplit(LoweringContext& c, ValueId x, ValueId axis, ValueId sizes) {
  return c.b.AddMulti(OpKind::kSplit, NoAttrs{}, {x, axis, sizes});
}

// (axis, x)
void LowerSplit(LoweringContext& c) {
  int64_t count;
  if (!ReadCount(c, "num_split", &count)) return;
  if (count == 0) {
    c.BadAttr("num_split", "expected at least 1, got 0");
    return;
  }
  const ValueId sizes = EqualSizes(c, c.input(1), c.input(0), count);
  if (count == 1) {
    c.Output(c.input(1));
    return;
  }
  c.Outputs(EmitSplit(c, c.input(1), c.input(0), sizes));
}

// (x, sizes, axis)
void LowerSplitV(LoweringContext& c) {
  int64_t count;
  if (!ReadCount(c, "num_split", &count)) return;
  const bool is_known = c.shape(1).has_rank() && c.shape(1).IsFullyKnown();
  const ValueId sizes = is_known ? c.input(1) : c.b.Reshape(c.input(1), c.b.Ints({count}));
  if (is_known && c.shape(1).ToShape().num_elements() != count) {
    c.BadAttr("num_split",
              absl::StrCat("expected the number of sizes, ", c.shape(1).ToShape().num_elements(), ", got ", count));
    return;
  }
  c.Outputs(EmitSplit(c, c.input(0), c.input(2), sizes));
}

// The slices along an axis, each without it.
void LowerUnpack(LoweringContext& c) {
  int64_t count;
  if (!ReadCount(c, "num", &count) || count == 0) return;
  const int64_t axis = c.Int("axis", 0);
  const ValueId sizes = c.b.Ints(std::vector<int64_t>(count, 1));
  for (const ValueId part : EmitSplit(c, c.input(0), c.b.Int(axis), sizes)) c.Output(c.b.Squeeze(part, {axis}));
}

constexpr OpLowering kSliceLowerings[] = {
    {"Slice", 3, 3, LowerSlice},
    {"Split", 2, 2, LowerSplit},
    {"SplitV", 3, 3, LowerSplitV},
    {"StridedSlice", 4, 4, LowerStridedSlice<OpKind::kStridedSlice>},
    {"TensorStridedSliceUpdate", 5, 5, LowerStridedSlice<OpKind::kStridedSliceUpdate>},
    {"Unpack", 1, 1, LowerUnpack},
};

}  // namespace

absl::Span<const OpLowering> SliceLowerings() { return kSliceLowerings; }

}  // namespace moulin
