// Ops on quantised tensors, each of which comes with the real numbers that its lowest and its highest value stand for.
// The integers are computed with as doubles, which hold the products and sums of 8-bit values exactly, so that the ops
// are compositions of the same primitives as their counterparts on real numbers.
#include "import/quantized_kernels.h"

#include <algorithm>

#include "import/quantized_fused.h"
#include "import/quantized_range.h"

namespace moulin {
namespace {

using Range = QuantizedRange;

// What one step of a type is worth.
Term StepOf(const Range& r) { return (r.max - r.min) / (r.highest - r.lowest); }

// The operand's values less the one that stands for 0.
Term Centered(LoweringContext& c, int i, const Range& r) {
  return Term(c.b, c.b.Cast(c.input(i), kDouble)) - Quantized(r.min.Like(0), r);
}

// Gives the 32-bit result of products of two operands, and its range.
void GiveProducts(LoweringContext& c, ValueId products, const Range& x, const Range& y) {
  const Term step = StepOf(x) * StepOf(y);
  constexpr double kLowest = -2147483648.0, kHighest = 2147483647.0;
  c.Output(
      c.b.Cast(Term(c.b, products).Max(kLowest).Min(kHighest), c.Type("out_type", c.Type("Toutput", DType::kQInt32))));
  c.Output(step * kLowest);
  c.Output(step * kHighest);
}

// --- Products ---

bool ReadOperands(LoweringContext& c, Range* x, Range* y) {
  return ReadRange(c, c.dtype(0), 2, 3, x) && ReadRange(c, c.dtype(1), 4, 5, y);
}

// (a, b, their ranges)
void LowerQuantizedMatMul(LoweringContext& c) {
  const Term zero(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range x{0, 0, zero, zero}, y = x;
  if (!ReadOperands(c, &x, &y)) return;
  ContractAttrs attrs;
  attrs.transpose_a = c.Bool("transpose_a", false);
  attrs.transpose_b = c.Bool("transpose_b", false);
  GiveProducts(c, c.b.Add(OpKind::kContract, std::move(attrs), {Centered(c, 0, x), Centered(c, 1, y)}), x, y);
}

// (input, filter, their ranges)
void LowerQuantizedConv2D(LoweringContext& c) {
  if (c.dtype(1) == DType::kQInt8) return LowerQuantizedProduct(c);
  const Term zero(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range x{0, 0, zero, zero}, y = x;
  if (!ReadOperands(c, &x, &y)) return;
  ConvAttrs attrs;
  if (!ReadSpatialList(c, "strides", 2, true, false, &attrs.strides) ||
      !ReadSpatialList(c, "dilations", 2, true, true, &attrs.dilations) ||
      !ReadPadding(c, 2, true, &attrs.padding, &attrs.pad_before, &attrs.pad_after)) {
    return;
  }
  GiveProducts(c, c.b.Add(OpKind::kConv, std::move(attrs), {Centered(c, 0, x), Centered(c, 1, y)}), x, y);
}

// (x, y, their ranges): element by element.
void LowerQuantizedMul(LoweringContext& c) {
  const Term zero(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range x{0, 0, zero, zero}, y = x;
  if (!ReadOperands(c, &x, &y)) return;
  GiveProducts(c, Centered(c, 0, x) * Centered(c, 1, y), x, y);
}

// --- Activations and pools: the values stay in their range ---

void GiveInRange(LoweringContext& c, Term value, DType type, const Range& r) {
  c.Outputs({value.Cast(type).id(), r.min.id(), r.max.id()});
}

// (x, range) for Relu and Relu6, (x, largest, range) for ReluX.
void LowerQuantizedRelu(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term none(b, b.Scalar(DType::kFloat32, 0));
  Range r{0, 0, none, none};
  const bool is_x = c.op() == "QuantizedReluX";
  if (!ReadRange(c, c.dtype(0), is_x ? 2 : 1, is_x ? 3 : 2, &r)) return;
  Term value = Term(b, b.Cast(c.input(0), kDouble)).Max(Bounded(Quantized(none, r), r));
  if (c.op() == "QuantizedRelu6") value = value.Min(Bounded(Quantized(none.Like(6), r), r));
  if (is_x) value = value.Min(Bounded(Quantized({b, c.input(1)}, r), r));
  GiveInRange(c, value, c.Type("out_type", DType::kQUInt8), r);
}

template <PoolOp kOp>
void LowerQuantizedPool(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term none(b, b.Scalar(DType::kFloat32, 0));
  Range r{0, 0, none, none};
  PoolAttrs attrs;
  attrs.op = kOp;
  if (!ReadRange(c, c.dtype(0), 1, 2, &r) || !ReadSpatialList(c, "ksize", 2, true, false, &attrs.window) ||
      !ReadSpatialList(c, "strides", 2, true, false, &attrs.strides) ||
      !ReadPadding(c, 2, true, &attrs.padding, &attrs.pad_before, &attrs.pad_after)) {
    return;
  }
  const Term pooled(b, b.Add(OpKind::kPool, std::move(attrs), {b.Cast(c.input(0), kDouble)}));
  GiveInRange(c, kOp == PoolOp::kMax ? pooled : pooled.Apply(ExprOp::kRound), c.dtype(0), r);
}

// (x, shape, range)
void LowerQuantizedReshape(LoweringContext& c) {
  c.Output(c.b.Reshape(c.input(0), c.input(1)));
  c.Output(c.input(2));
  c.Output(c.input(3));
}

// --- From 32 bits to 8 ---

Range UsedRange(LoweringContext& c, const Range& r) {
  GraphBuilder& b = c.b;
  const ValueId x = Flatten(b, b.Cast(c.input(0), kDouble));
  const Term least = Real({b, b.Reduce(ReduceOp::kMin, x, {0}, false)}, r);
  const Term most = Real({b, b.Reduce(ReduceOp::kMax, x, {0}, false)}, r);
  return {0, 255, least.Min(0), most};
}

// A 32-bit value as the nearest of the 256 steps of a range.
Term Requantized(Term x, const Range& from, const Range& to) {
  const Term step = (from.max - from.min).Cast(kDouble) / from.steps();
  const Term real = from.min.Cast(kDouble) + (x.Cast(kDouble) - from.lowest) * step;
  const Term range = (to.max - to.min).Cast(kDouble);
  const Term value = ((real - to.min.Cast(kDouble)) * 255.0 / range + 0.5).Apply(ExprOp::kFloor);
  return (range == 0.0).Select(value.Like(0), value.Max(0).Min(255));
}

bool ReadRequantize(LoweringContext& c, Range* r) {
  if (c.dtype(0) != DType::kQInt32 || c.Type("out_type", DType::kQUInt8) != DType::kQUInt8) {
    c.Unsupported("from another type than qint32, or to another than quint8");
    return false;
  }
  return ReadRange(c, c.dtype(0), 1, 2, r);
}

// (x, range, wanted range)
void LowerRequantize(LoweringContext& c) {
  const Term none(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range from{0, 0, none, none};
  if (!ReadRequantize(c, &from)) return;
  const Range to{0, 255, {c.b, c.input(3)}, {c.b, c.input(4)}};
  GiveInRange(c, Requantized({c.b, c.input(0)}, from, to), DType::kQUInt8, to);
}

// (x, range): to the range that the values have.
void LowerShrinkRange(LoweringContext& c) {
  const Term none(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range from{0, 0, none, none};
  if (!ReadRequantize(c, &from)) return;
  const Range to = UsedRange(c, from);
  GiveInRange(c, Requantized({c.b, c.input(0)}, from, to), DType::kQUInt8, to);
}

void LowerRequantizationRange(LoweringContext& c) {
  const Term none(c.b, c.b.Scalar(DType::kFloat32, 0));
  Range from{0, 0, none, none};
  if (!ReadRange(c, c.dtype(0), 1, 2, &from)) return;
  const Range used = UsedRange(c, from);
  c.Output(used.min);
  c.Output(used.max);
}

constexpr OpLowering kQuantizedKernelLowerings[] = {
    {"QuantizeDownAndShrinkRange", 3, 3, LowerShrinkRange},
    {"QuantizedAvgPool", 3, 3, LowerQuantizedPool<PoolOp::kAverage>},
    {"QuantizedConv2D", 6, 6, LowerQuantizedConv2D},
    {"QuantizedMatMul", 6, 6, LowerQuantizedMatMul},
    {"QuantizedMaxPool", 3, 3, LowerQuantizedPool<PoolOp::kMax>},
    {"QuantizedMul", 6, 6, LowerQuantizedMul},
    {"QuantizedRelu", 3, 3, LowerQuantizedRelu},
    {"QuantizedRelu6", 3, 3, LowerQuantizedRelu},
    {"QuantizedReluX", 4, 4, LowerQuantizedRelu},
    {"QuantizedReshape", 4, 4, LowerQuantizedReshape},
    {"RequantizationRange", 3, 3, LowerRequantizationRange},
    {"Requantize", 5, 5, LowerRequantize},
};

}  // namespace

absl::Span<const OpLowering> QuantizedKernelLowerings() { return kQuantizedKernelLowerings; }

}  // namespace moulin
