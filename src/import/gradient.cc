// Tests: tests/cases/gradient_cases.py.
#include "import/gradient.h"

#include <algorithm>

#include "import/lowering_util.h"

namespace moulin {
namespace {

// Of an elementwise function, from the two operands in the order that the op has them.
template <Term (*kGradient)(LoweringContext& c, Term x, Term y)>
void LowerElementwise(LoweringContext& c) {
  c.Output(kGradient(c, {c.b, c.input(0)}, {c.b, c.input(1)}));
}

// --- (gradient, what the function was given, or for Elu and Selu what it gave) ---

// A product, so that NaN passes as in TensorFlow.
Term Relu(LoweringContext&, Term dy, Term x) { return dy * (x > 0.0).Cast(x.dtype()); }
Term Relu6(LoweringContext&, Term dy, Term x) { return dy * (x > 0.0 && x < 6.0).Cast(x.dtype()); }
Term LeakyRelu(LoweringContext& c, Term dy, Term x) {
  return (x > 0.0).Select(dy, dy * static_cast<double>(c.Float("alpha", 0.2f)));
}
Term Elu(LoweringContext&, Term dy, Term y) { return (y < 0.0).Select((y + 1.0) * dy, dy); }
Term Selu(LoweringContext&, Term dy, Term y) {
  constexpr double kScale = 1.0507009873554804934193349852946;
  constexpr double kScaleAlpha = 1.7580993408473768599402175208123;
  return (y < 0.0).Select(dy * (y + kScaleAlpha), dy * kScale);
}
Term Softplus(LoweringContext&, Term dy, Term x) { return dy / ((-x).Apply(ExprOp::kExp) + 1.0); }
Term Softsign(LoweringContext&, Term dy, Term x) {
  const Term root = x.Apply(ExprOp::kAbs) + 1.0;
  return dy / (root * root);
}

// --- (what the function gave, gradient) ---

Term Sigmoid(LoweringContext&, Term y, Term dy) { return dy * y * (1.0 - y); }
Term Tanh(LoweringContext&, Term y, Term dy) { return dy * (1.0 - y * y); }

// TensorFlow's kernels take the conjugate of these, and not of those above.
Term Conjugate(Term y) { return IsComplex(y.dtype()) ? y.Apply(ExprOp::kConj) : y; }

template <Term (*kGradient)(Term y, Term dy)>
void LowerByConjugate(LoweringContext& c) {
  c.Output(kGradient(Conjugate({c.b, c.input(0)}), {c.b, c.input(1)}));
}

// No gradient stays none, at a root of 0 too.
Term Sqrt(Term y, Term dy) { return (dy == 0.0).Select(dy.Like(0), dy * 0.5 / y); }
Term Rsqrt(Term y, Term dy) { return dy * -0.5 * (y * y) * y; }
Term Reciprocal(Term y, Term dy) { return -dy * y * y; }

// --- Of broadcasting and slicing ---

// The gradient of a bias: sums over all axes but the channels'.
void LowerBiasAddGrad(LoweringContext& c) {
  bool channels_last;
  if (!ReadDataFormat(c, 2, &channels_last) || !RankIsKnown(c, 0)) return;
  const int rank = c.shape(0).rank();
  if (rank < 2) {
    return c.b.Fail(MakeError(ErrorCode::kShape, "expected rank 2 or more, found ", c.shape(0).ToString()));
  }
  std::vector<int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != (channels_last ? rank - 1 : 1)) axes.push_back(axis);
  }
  c.Output(c.b.Reduce(ReduceOp::kSum, c.input(0), axes, false));
}

// The axes along which a tensor of the first shape is broadcast to meet one of the second, and the other way round.
void LowerBroadcastArgs(LoweringContext& c) {
  std::vector<int64_t> shapes[2] = {c.ConstantInts(0), c.ConstantInts(1)};
  if (!c.b.ok()) return;
  const bool same = shapes[0] == shapes[1];  // nothing to sum up, though there may be axes of size 1
  const size_t rank = std::max(shapes[0].size(), shapes[1].size());
  for (std::vector<int64_t>& shape : shapes) shape.insert(shape.begin(), rank - shape.size(), 1);
  std::vector<int64_t> axes[2];
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t sizes[2] = {shapes[0][axis], shapes[1][axis]};
    if (sizes[0] != sizes[1] && sizes[0] != 1 && sizes[1] != 1) {
      return c.b.Fail(
          MakeError(ErrorCode::kShape, "sizes ", sizes[0], " and ", sizes[1], " of axis ", axis, " do not broadcast"));
    }
    for (const int i : {0, 1}) {
      if (sizes[i] == 1) axes[i].push_back(static_cast<int64_t>(axis));
    }
  }
  for (const std::vector<int64_t>& reduced : axes) {
    c.Output(c.b.Cast(c.b.Ints(same ? std::vector<int64_t>() : reduced), c.dtype(0)));
  }
}

// (shape, begin, end, strides, gradient of the slice): zeros but for the slice.
void LowerStridedSlice(LoweringContext& c) {
  StridedSliceAttrs attrs;
  attrs.begin_mask = static_cast<uint64_t>(c.Int("begin_mask", 0));
  attrs.end_mask = static_cast<uint64_t>(c.Int("end_mask", 0));
  attrs.ellipsis_mask = static_cast<uint64_t>(c.Int("ellipsis_mask", 0));
  attrs.new_axis_mask = static_cast<uint64_t>(c.Int("new_axis_mask", 0));
  attrs.shrink_axis_mask = static_cast<uint64_t>(c.Int("shrink_axis_mask", 0));
  const ValueId zeros = c.b.Add(OpKind::kBroadcast, NoAttrs{}, {c.b.Scalar(c.dtype(4), 0), c.input(0)});
  c.Output(c.b.Add(OpKind::kStridedSliceUpdate, attrs, {zeros, c.input(1), c.input(2), c.input(3), c.input(4)}));
}

constexpr OpLowering kGradientLowerings[] = {
    {"BiasAddGrad", 1, 1, LowerBiasAddGrad},
    {"BroadcastGradientArgs", 2, 2, LowerBroadcastArgs},
    {"EluGrad", 2, 2, LowerElementwise<Elu>},
    {"InvGrad", 2, 2, LowerByConjugate<Reciprocal>},
    {"LeakyReluGrad", 2, 2, LowerElementwise<LeakyRelu>},
    {"ReciprocalGrad", 2, 2, LowerByConjugate<Reciprocal>},
    {"Relu6Grad", 2, 2, LowerElementwise<Relu6>},
    {"ReluGrad", 2, 2, LowerElementwise<Relu>},
    {"RsqrtGrad", 2, 2, LowerByConjugate<Rsqrt>},
    {"SeluGrad", 2, 2, LowerElementwise<Selu>},
    {"SigmoidGrad", 2, 2, LowerElementwise<Sigmoid>},
    {"SoftplusGrad", 2, 2, LowerElementwise<Softplus>},
    {"SoftsignGrad", 2, 2, LowerElementwise<Softsign>},
    {"SqrtGrad", 2, 2, LowerByConjugate<Sqrt>},
    {"StridedSliceGrad", 5, 5, LowerStridedSlice},
    {"TanhGrad", 2, 2, LowerElementwise<Tanh>},
};

}  // namespace

absl::Span<const OpLowering> GradientLowerings() { return kGradientLowerings; }

}  // namespace moulin
