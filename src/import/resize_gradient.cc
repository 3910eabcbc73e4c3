// Gradients of resizing, of local response normalisation, and of what repeats or mirrors a tensor.
// Tests: tests/cases/spatial_gradient_cases.py.
#include "import/gradient.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// --- Resizing: on each axis a product with a matrix of weights, so that the gradient is one with its transpose ---

// The weights [to, from] of one axis: what resizing makes of the unit vectors.
ValueId Weights(GraphBuilder& b, const ResizeAttrs& attrs, ValueId from, ValueId to) {
  const ValueId count = ScalarFrom(b, from);
  const ValueId places = b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), count, b.Int(1)});
  const DType type = attrs.output_type;
  const ValueId unit = b.Add(OpKind::kOneHot, OneHotAttrs{}, {places, count, b.Scalar(type, 1), b.Scalar(type, 0)});
  const ValueId one = b.Ints({1});
  const ValueId image = b.Reshape(unit, b.Concat({one, from, one, from}, 0));
  const ValueId resized = b.Add(OpKind::kResize, attrs, {image, b.Concat({to, one}, 0)});
  return b.Reshape(resized, b.Concat({to, from}, 0));
}

// transpose(weights) x, over the last axis but one of x.
ValueId TransposedProduct(GraphBuilder& b, ValueId weights, ValueId x) {
  ContractAttrs attrs;
  attrs.transpose_a = true;
  return b.Add(OpKind::kContract, std::move(attrs), {weights, x});
}

// `height` and `width`: the sizes of the tensor that was resized.
void GiveResizeGradient(LoweringContext& c, ResizeMethod method, ValueId height, ValueId width) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {4})) return;
  ResizeAttrs attrs;
  attrs.method = method;
  attrs.align_corners = c.Bool("align_corners", false);
  attrs.half_pixel_centers = c.Bool("half_pixel_centers", false);
  const DType type = c.Type("T", DType::kFloat32);
  attrs.output_type = type == DType::kFloat64 || IsInteger(type) ? DType::kFloat64 : DType::kFloat32;
  const std::vector<ValueId> dy = DimsOf(b, c.input(0), 0, 4);
  const ValueId rows =
      b.Cast(ReshapeTo(b, c.input(0), {dy[0], dy[1], ProductOf(b, {dy[2], dy[3]})}), attrs.output_type);
  const ValueId by_height = TransposedProduct(b, Weights(b, attrs, height, dy[1]), rows);
  const ValueId columns = ReshapeTo(b, by_height, {ProductOf(b, {dy[0], height}), dy[2], dy[3]});
  const ValueId dx = TransposedProduct(b, Weights(b, attrs, width, dy[2]), columns);
  c.Output(b.Cast(ReshapeTo(b, dx, {dy[0], height, width, dy[3]}), type));
}

// (gradient, what was resized)
template <ResizeMethod kMethod>
void LowerResizeGrad(LoweringContext& c) {
  GiveResizeGradient(c, kMethod, DimOf(c.b, c.input(1), 1), DimOf(c.b, c.input(1), 2));
}

// (gradient, sizes of what was resized)
void LowerNearest(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId sizes = b.Cast(c.input(1), DType::kInt64);
  const auto size = [&](int64_t i) { return b.Add(OpKind::kSlice, NoAttrs{}, {sizes, b.Ints({i}), b.Ints({1})}); };
  GiveResizeGradient(c, ResizeMethod::kNearest, size(0), size(1));
}

// --- Local response normalisation ---

// Sums over 2 * radius + 1 channels around each one.
ValueId SumOfNeighbours(GraphBuilder& b, ValueId x, int64_t radius) {
  ConvAttrs attrs;
  attrs.strides = {1};
  attrs.dilations = {1};
  attrs.padding = Padding::kExplicit;
  attrs.pad_before = {radius};
  attrs.pad_after = {radius};
  const std::vector<ValueId> sizes = DimsOf(b, x, 0, 4);
  const ValueId pixels = ProductOf(b, {sizes[0], sizes[1], sizes[2]});
  const ValueId rows = ReshapeTo(b, x, {pixels, sizes[3], b.Ints({1})});
  const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(x, 1), b.Ints({2 * radius + 1, 1, 1})});
  return ReshapeTo(b, b.Add(OpKind::kConv, std::move(attrs), {rows, ones}), sizes);
}

// (gradient, x, y)
void LowerLocalResponse(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 1, {4})) return;
  const int64_t radius = c.Int("depth_radius", 5);
  const double bias = c.Float("bias", 1), alpha = c.Float("alpha", 1), beta = c.Float("beta", 0.5f);
  if (radius < 0 || radius > INT32_MAX / 4) return c.BadAttr("depth_radius", absl::StrCat("found ", radius));
  const DType type = c.dtype(1);
  const auto operand = [&](int i) { return Term(b, b.Cast(c.input(i), DType::kFloat32)); };
  const Term dy = operand(0), x = operand(1), y = operand(2);
  const Term norm = Term(b, SumOfNeighbours(b, x * x, radius)) * alpha + bias;
  const Term shared(b, SumOfNeighbours(b, dy * y / norm, radius));
  const Term dx = dy * norm.Apply(ExprOp::kPow, norm.Like(-beta)) - x * shared * (2 * alpha * beta);
  c.Output(dx.Cast(type));
}

// --- Padding by mirrors, and tiles ---

ValueId PadAxis(GraphBuilder& b, ValueId x, int axis, ValueId before, ValueId after) {
  const int rank = b.shape(x).rank();
  std::vector<ValueId> paddings(2 * rank, b.Ints({0}));
  paddings[2 * axis] = before;
  paddings[2 * axis + 1] = after;
  const ValueId matrix = b.Reshape(b.Concat(paddings, 0), b.Ints({rank, 2}));
  return b.Add(OpKind::kPad, PadAttrs{}, {x, matrix, b.ScalarLike(x, 0)});
}

// What lies mirrored at the two ends of an axis is added to the places that it came from, `edge` away from them.
ValueId FoldAxis(GraphBuilder& b, ValueId x, int axis, int64_t before, int64_t after, int64_t edge) {
  const ValueId size = DimOf(b, x, axis);
  const auto part = [&](ValueId begin, ValueId count) {
    const int rank = b.shape(x).rank();
    std::vector<ValueId> begins(rank, b.Ints({0})), counts(rank, b.Ints({-1}));
    begins[axis] = begin;
    counts[axis] = count;
    return b.Add(OpKind::kSlice, NoAttrs{}, {x, b.Concat(begins, 0), b.Concat(counts, 0)});
  };
  const auto flipped = [&](ValueId y) { return b.Add(OpKind::kReverse, NoAttrs{}, {y, b.Ints({axis})}); };
  const Term kept = Term(b, size) - static_cast<double>(before + after);
  Term y(b, part(b.Ints({before}), kept));
  if (before > 0) {
    const ValueId front = flipped(part(b.Ints({0}), b.Ints({before})));
    y = y + Term(b, PadAxis(b, front, axis, b.Ints({edge}), kept - static_cast<double>(before + edge)));
  }
  if (after > 0) {
    const ValueId back = flipped(part(kept + static_cast<double>(before), b.Ints({after})));
    y = y + Term(b, PadAxis(b, back, axis, kept - static_cast<double>(after + edge), b.Ints({edge})));
  }
  return y;
}

// (gradient, paddings)
void LowerMirrorPadGrad(LoweringContext& c) {
  if (!RankIsKnown(c, 0)) return;
  const std::string mode = c.String("mode", "");
  if (mode != "REFLECT" && mode != "SYMMETRIC") {
    return c.BadAttr("mode", absl::StrCat("should be \"REFLECT\" or \"SYMMETRIC\", found \"", Printable(mode), "\""));
  }
  const std::vector<int64_t> paddings = c.ConstantInts(1);
  if (!c.b.ok()) return;
  const int rank = c.shape(0).rank();
  if (static_cast<int>(paddings.size()) != 2 * rank) {
    return c.b.Fail(MakeError(ErrorCode::kShape, "expected paddings [", rank, ",2], found ", c.shape(1).ToString()));
  }
  ValueId x = c.input(0);
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t before = paddings[2 * axis], after = paddings[2 * axis + 1];
    if (before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX) {
      return c.b.Fail(MakeError(ErrorCode::kValue, "paddings ", before, " and ", after, " of axis ", axis));
    }
    x = FoldAxis(c.b, x, axis, before, after, mode == "REFLECT" ? 1 : 0);
  }
  c.Output(x);
}

// (gradient, multiples): the sum of all copies.
void LowerTile(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 0)) return;
  const std::vector<int64_t> multiples = c.ConstantInts(1);
  if (!b.ok()) return;
  const int rank = c.shape(0).rank();
  if (static_cast<int>(multiples.size()) != rank) {
    return b.Fail(MakeError(ErrorCode::kShape, "expected ", rank, " multiples, found ", multiples.size()));
  }
  std::vector<ValueId> sizes;
  std::vector<int64_t> copies;
  for (int axis = 0; axis < rank; ++axis) {
    if (multiples[axis] < 1) {
      return b.Fail(MakeError(ErrorCode::kValue, "expected positive multiples, found ", multiples[axis]));
    }
    copies.push_back(2 * axis);
    sizes.push_back(b.Ints({multiples[axis]}));
    sizes.push_back(b.Binary(ExprOp::kFloorDiv, DimOf(b, c.input(0), axis), sizes.back()));
  }
  c.Output(b.Reduce(ReduceOp::kSum, ReshapeTo(b, c.input(0), sizes), copies, false));
}

constexpr OpLowering kResizeGradientLowerings[] = {
    {"LRNGrad", 3, 3, LowerLocalResponse},
    {"MirrorPadGrad", 2, 2, LowerMirrorPadGrad},
    {"ResizeBicubicGrad", 2, 2, LowerResizeGrad<ResizeMethod::kBicubic>},
    {"ResizeBilinearGrad", 2, 2, LowerResizeGrad<ResizeMethod::kBilinear>},
    {"ResizeNearestNeighborGrad", 2, 2, LowerNearest},
    {"TileGrad", 2, 2, LowerTile},
};

}  // namespace

absl::Span<const OpLowering> ResizeGradientLowerings() { return kResizeGradientLowerings; }

}  // namespace moulin
