// Tensors made from shapes and scalars.
#include <algorithm>

#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

void LowerShape(LoweringContext& c) {
  const ShapeOfAttrs attrs{c.Type("out_type", DType::kInt32)};
  for (const ValueId x : c.inputs()) c.Output(c.b.Add(OpKind::kShapeOf, attrs, {x}));
}

void LowerSize(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{c.Type("out_type", DType::kInt32)}, {c.input(0)}));
}

void LowerRank(LoweringContext& c) { c.Output(c.b.Add(OpKind::kRankOf, NoAttrs{}, {c.input(0)})); }

// (shape, value)
void LowerFill(LoweringContext& c) {
  if (c.shape(1).has_rank() && c.shape(1).rank() != 0) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected a scalar to fill with, got ", c.shape(1).ToString()));
    return;
  }
  c.Output(c.b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(1), c.input(0)}));
}

void LowerEmpty(LoweringContext& c) {
  const DType type = c.Type("dtype", DType::kFloat32);
  if (SizeOf(type) == 0) {
    c.Unsupported(absl::StrCat("elements of type ", Name(type)));
    return;
  }
  c.Output(c.b.Add(OpKind::kBroadcast, NoAttrs{}, {c.b.Scalar(type, 0), c.input(0)}));
}

// What a branch gives in place of a result of the other one, which nothing reads where this one is taken.
void LowerFakeParam(LoweringContext& c) {
  const DType type = c.Type("dtype", DType::kInvalid);
  if (SizeOf(type) == 0) return c.Output(kNoId);
  std::vector<int64_t> dims;
  const PartialShape shape = c.ShapeAttr("shape");
  for (const int64_t dim : shape.dims()) dims.push_back(std::max<int64_t>(dim, 0));
  c.Output(c.b.Add(OpKind::kBroadcast, NoAttrs{}, {c.b.Scalar(type, 0), c.b.Ints(dims)}));
}

// (axis, shapes...): where each operand of a concatenation starts; zeros but along the axis.
void LowerConcatOffset(LoweringContext& c) {
  const PartialShape& shape = c.shape(1);
  if (!shape.has_rank() || shape.rank() != 1 || shape.dim(0) == kUnknownDim) {
    c.NotYet("shapes of a rank that is not known");
    return;
  }
  const int64_t rank = shape.dim(0);
  const DType type = c.dtype(1);
  const ValueId axis = c.b.Cast(c.input(0), DType::kInt64);
  const ValueId from_end = c.b.Binary(ExprOp::kLess, axis, c.b.Int(0));
  const ValueId position = c.b.Select(from_end, c.b.Binary(ExprOp::kAdd, axis, c.b.Int(rank)), axis);
  const ValueId mask =
      c.b.Add(OpKind::kOneHot, OneHotAttrs{}, {position, c.b.Int(rank), c.b.Scalar(type, 1), c.b.Scalar(type, 0)});
  ValueId offset = c.b.Binary(ExprOp::kSub, c.input(1), c.input(1));
  for (int i = 1; i < c.num_inputs(); ++i) {
    c.Output(c.b.Binary(ExprOp::kMul, offset, mask));
    if (i + 1 < c.num_inputs()) offset = c.b.Binary(ExprOp::kAdd, offset, c.input(i));
  }
}

constexpr OpLowering kShapeLowerings[] = {
    {"BroadcastArgs", 2, 2, LowerDirect<OpKind::kBroadcastShapes>},
    {"ConcatOffset", 2, kAnyNumber, LowerConcatOffset},
    {"Empty", 1, 1, LowerEmpty},
    {"FakeParam", 0, 0, LowerFakeParam},
    {"Fill", 2, 2, LowerFill},
    {"LinSpace", 3, 3, LowerDirect<OpKind::kLinSpace>},
    {"Range", 3, 3, LowerDirect<OpKind::kRange>},
    {"Rank", 1, 1, LowerRank},
    {"Shape", 1, 1, LowerShape},
    {"ShapeN", 1, kAnyNumber, LowerShape},
    {"Size", 1, 1, LowerSize},
    {"VariableShape", 1, 1, LowerShape},
};

}  // namespace

absl::Span<const OpLowering> ShapeLowerings() { return kShapeLowerings; }

}  // namespace moulin
