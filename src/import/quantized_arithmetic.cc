// Sums, biases, concatenations and normalisation of quantised tensors, whose operands are brought to one range first.
// Tests: tests/cases/quantized_cases.py.
#include <algorithm>

#include "import/quantized_kernels.h"
#include "import/quantized_range.h"

namespace moulin {
namespace {

// A symmetric range of 32-bit values in which those of both ranges add up, some bits wider than the larger of the two.
QuantizedRange RangeOfSum(const QuantizedRange& x, const QuantizedRange& y, int room_bits) {
  const Term most = x.max.Max((-x.min).Max(y.max.Max(-y.min))) * static_cast<double>(1 << room_bits);
  return RangeOfType(DType::kQInt32, -most, most);
}

void GiveSum(LoweringContext& c, Term sum, const QuantizedRange& r) {
  c.Output(sum.Cast(DType::kQInt32));
  c.Output(r.min);
  c.Output(r.max);
}

struct Operands {
  QuantizedRange x, y;
};

// Of inputs 0 and 1, whose ranges follow them.
bool ReadOperands(LoweringContext& c, Operands* operands) {
  return ReadRange(c, c.dtype(0), 2, 3, &operands->x) && ReadRange(c, c.dtype(1), 4, 5, &operands->y);
}

Operands NoOperands(LoweringContext& c) {
  const Term zero(c.b, c.b.Scalar(DType::kFloat32, 0));
  return {{0, 0, zero, zero}, {0, 0, zero, zero}};
}

// An operand in the range of the sum, whose values are multiples of what one step of the operand is there.
Term InRange(LoweringContext& c, int i, const QuantizedRange& from, const QuantizedRange& to) {
  const Term zero(c.b, c.b.Scalar(kDouble, 0));
  const Term first = Quantized(Real(zero, from), to), second = Quantized(Real(zero + 1.0, from), to);
  const Term value = first + Term(c.b, c.b.Cast(c.input(i), kDouble)) * (second - first);
  return Bounded(value, to);
}

// One element alone is brought there by what it stands for.
Term OneInRange(LoweringContext& c, int i, const QuantizedRange& from, const QuantizedRange& to) {
  return Bounded(Quantized(Real({c.b, c.b.Cast(c.input(i), kDouble)}, from), to), to);
}

bool HasOneElement(const PartialShape& shape) {
  return std::all_of(shape.dims().begin(), shape.dims().end(), [](int64_t size) { return size == 1; });
}

// (x, y, their ranges)
void LowerQuantizedAdd(LoweringContext& c) {
  if (!c.shape(0).IsFullyKnown() || !c.shape(1).IsFullyKnown()) {
    return c.NotYet("the shapes of the operands are not known");
  }
  if (c.dtype(0) != DType::kQUInt8 || c.dtype(1) != DType::kQUInt8) return c.Unsupported("other types than quint8");
  Operands o = NoOperands(c);
  if (!ReadOperands(c, &o)) return;
  const QuantizedRange sum = RangeOfSum(o.x, o.y, 14);
  const bool one_x = HasOneElement(c.shape(0)), one_y = !one_x && HasOneElement(c.shape(1));
  const Term x = one_x ? OneInRange(c, 0, o.x, sum) : InRange(c, 0, o.x, sum);
  const Term y = one_y ? OneInRange(c, 1, o.y, sum) : InRange(c, 1, o.y, sum);
  GiveSum(c, Bounded(x + y, sum), sum);
}

// The real numbers in single precision throughout, as the ops that follow compute.
Term SingleReal(LoweringContext& c, ValueId x, const QuantizedRange& r) {
  const Term scale = ((r.max - r.min).Cast(kDouble) / (r.steps() - 1)).Cast(DType::kFloat32);
  const Term rounded = (r.max == r.min).Select(r.min, RoundAway(r.min / scale) * scale);
  return (rounded - scale * r.lowest) + Term(c.b, c.b.Cast(x, DType::kFloat32)) * scale;
}

// And their values, which a float32 holds without those at the upper end of 32 bits.
Term SingleQuantized(Term real, const QuantizedRange& r) {
  constexpr double kMostFloat = 2147483520.0;
  const Term steps = ((r.steps() - 1) / (r.max - r.min).Cast(kDouble)).Cast(DType::kFloat32);
  const Term scale = (r.max == r.min).Select(steps.Like(0), steps);
  const Term value = RoundAway(real * scale) - (RoundAway(r.min * scale) - r.lowest);
  return value.Max(r.lowest).Min(std::min(r.highest, kMostFloat));
}

// (x, bias, their ranges)
void LowerQuantizedBiasAdd(LoweringContext& c) {
  Operands o = NoOperands(c);
  if (!ReadOperands(c, &o)) return;
  const QuantizedRange sum = RangeOfSum(o.x, o.y, 17);
  const auto moved = [&](int i, const QuantizedRange& from) {
    return SingleQuantized(SingleReal(c, c.input(i), from), sum).Cast(kDouble);
  };
  GiveSum(c, Bounded(moved(0, o.x) + moved(1, o.y), sum), sum);
}

// --- Concatenation: (axis, operands, least, most of each) ---

void LowerQuantizedConcat(LoweringContext& c) {
  GraphBuilder& b = c.b;
  constexpr int kFirst = 1;
  const int n = (c.num_inputs() - 1) / 3;
  const int mins = c.num_inputs() - 2 * n;
  const DType type = c.dtype(kFirst);
  if (n < 1 || !IsQuantized(type)) {
    return b.Fail(MakeError(ErrorCode::kDType, "quantised operands expected, found ", Name(type)));
  }
  const auto end = [&](int i) { return Term(b, b.Reshape(c.input(i), b.Ints(absl::Span<const int64_t>()))); };
  Term least = end(mins), most = end(mins + n);
  for (int i = 1; i < n; ++i) {
    least = least.Min(end(mins + i));
    most = most.Max(end(mins + n + i));
  }
  if (IsSignedInteger(type)) {
    most = least.Apply(ExprOp::kAbs).Max(most.Apply(ExprOp::kAbs));
    least = -most;
  }
  const QuantizedRange to = RangeOfType(type, least, most);
  std::vector<ValueId> parts = {c.input(0)};
  for (int i = 0; i < n; ++i) {
    const QuantizedRange from = RangeOfType(type, end(mins + i), end(mins + n + i));
    const Term same = from.min == least && from.max == most;
    const Term moved = SingleQuantized(SingleReal(c, c.input(kFirst + i), from), to).Cast(type);
    parts.push_back(same.Select({b, c.input(kFirst + i)}, moved));
  }
  c.Output(b.Add(OpKind::kConcat, NoAttrs{}, parts));
  c.Outputs({least.id(), most.id()});
}

// --- Batch normalisation: (x, mean, variance, offset, scale), each with its range ---

// Fixed-point arithmetic with 10 bits behind the point.
void LowerQuantizedBatchNorm(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (c.dtype(0) != DType::kQUInt8 || c.Type("out_type", DType::kQInt32) != DType::kQInt32) {
    return c.Unsupported("from another type than quint8, or to another than qint32");
  }
  constexpr double kEnd = 1 << 20;
  const Term end(b, b.Scalar(DType::kFloat32, kEnd));
  const QuantizedRange to = RangeOfType(DType::kQInt32, -end, end);
  std::vector<Term> reals;
  for (int i = 0; i < 15; i += 3) {
    QuantizedRange r = to;
    if (!ReadRange(c, c.dtype(i), i + 1, i + 2, &r)) return;
    reals.push_back(Real({b, b.Cast(c.input(i), kDouble)}, r));
  }
  const Term x = reals[0], mean = reals[1], variance = reals[2], offset = reals[3];
  Term scale = 1.0 / (variance + static_cast<double>(c.Float("variance_epsilon", 0))).Apply(ExprOp::kSqrt);
  if (c.Bool("scale_after_normalization", false)) scale = scale * reals[4];
  const auto fixed = [&](Term real) { return Bounded(Quantized(real, to), to).Cast(DType::kInt32); };
  const Term one = fixed(end.Like(1));
  const Term product(b, b.Binary(ExprOp::kMul, fixed(x), fixed(scale)));
  const Term quotient = (product.Cast(kDouble) / one.Cast(kDouble)).Cast(DType::kInt32);  // towards 0
  const Term y = quotient + fixed(-mean * scale + offset);
  c.Output(y.Cast(DType::kQInt32));
  c.Outputs({to.min.id(), to.max.id()});
}

// --- Normalisation of each channel of each image: (x, range) ---

// The range of the result, which attributes give or the values have, of some least width.
bool ReadNormalizedRange(LoweringContext& c, Term normalized, QuantizedRange* to) {
  GraphBuilder& b = c.b;
  Term least = normalized, most = normalized;
  if (c.Bool("output_range_given", false)) {
    const float low = c.Float("given_y_min", 0), high = c.Float("given_y_max", 0);
    if (!(low < high)) {
      c.BadAttr("given_y_max", absl::StrCat("expected more than given_y_min, ", low, ", got ", high));
      return false;
    }
    least = normalized.Like(low);
    most = normalized.Like(high);
  } else {
    least = {b, b.Reduce(ReduceOp::kMin, normalized, {0, 1, 2, 3}, false)};
    most = {b, b.Reduce(ReduceOp::kMax, normalized, {0, 1, 2, 3}, false)};
  }
  const Term widened = least + static_cast<double>(c.Float("min_separation", 1e-3F));
  *to = RangeOfType(DType::kQUInt8, least, (most < widened).Select(widened, most));
  return true;
}

void LowerQuantizedInstanceNorm(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (c.dtype(0) != DType::kQUInt8) return c.Unsupported("another type than quint8");
  if (!RankIsOneOf(c, 0, {4})) return;
  Operands o = NoOperands(c);
  if (!ReadRange(c, c.dtype(0), 1, 2, &o.x)) return;
  const auto mean = [&](Term x) { return Term(b, b.Reduce(ReduceOp::kMean, x, {1, 2}, true)); };
  const Term steps(b, b.Cast(c.input(0), DType::kFloat32));
  const Term real = (o.x.max - o.x.min) / (o.x.steps() - 1) * (steps - mean(steps));
  const Term variance = mean(real * real) + static_cast<double>(c.Float("variance_epsilon", 1e-5F));
  const Term normalized = real * variance.Apply(ExprOp::kRsqrt);
  if (!ReadNormalizedRange(c, normalized, &o.y)) return;
  c.Outputs({SingleQuantized(normalized, o.y).Cast(DType::kQUInt8), o.y.min.id(), o.y.max.id()});
}

// --- From 32 bits to 8, by a symmetric range for each channel: (x, least and most of each channel...) ---

Term LargerEnd(LoweringContext& c, int min) {
  const auto size = [&](int i) { return Term(c.b, c.b.Cast(c.input(i), kDouble)).Apply(ExprOp::kAbs); };
  return size(min).Max(size(min + 1));
}

// What a 32-bit step of each channel is worth.
Term StepsOfChannels(LoweringContext& c) {
  constexpr double kSteps = 2147483648.0;
  return LargerEnd(c, 1) / kSteps;
}

// (..., wanted range)
void LowerRequantizePerChannel(LoweringContext& c) {
  const DType type = c.Type("out_type", DType::kQUInt8);
  if (type != DType::kQUInt8 && type != DType::kQInt8) return c.Unsupported(absl::StrCat("a result of ", Name(type)));
  const bool is_signed = type == DType::kQInt8;
  const Term step = LargerEnd(c, 3) / (is_signed ? 127.0 : 255.0);
  const Term real = Term(c.b, c.b.Cast(c.input(0), kDouble)) * StepsOfChannels(c);
  const Term value = (real / step).Apply(ExprOp::kRound).Max(is_signed ? -128 : 0).Min(is_signed ? 127 : 255);
  c.Outputs({value.Cast(type), c.input(3), c.input(4)});
}

// The range that all channels together use, symmetric where any value is negative.
void LowerRangePerChannel(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 0)) return;
  std::vector<int64_t> axes;
  for (int axis = 0; axis + 1 < c.shape(0).rank(); ++axis) axes.push_back(axis);
  const ValueId x = b.Cast(c.input(0), kDouble);
  const auto end = [&](ReduceOp op) { return Term(b, b.Reduce(op, x, axes, false)) * StepsOfChannels(c); };
  const Term least = end(ReduceOp::kMin), most = end(ReduceOp::kMax);
  const Term size = least.Apply(ExprOp::kAbs).Max(most.Apply(ExprOp::kAbs));
  const Term largest(b, b.Reduce(ReduceOp::kMax, size, {0}, false));
  const Term is_negative = Term(b, b.Reduce(ReduceOp::kMin, least, {0}, false)) < 0.0;
  const Term clipped = largest.Min(static_cast<double>(c.Float("clip_value_max", 0)));
  c.Output(is_negative.Select(-clipped, clipped.Like(0)).Cast(DType::kFloat32));
  c.Output(clipped.Cast(DType::kFloat32));
}

constexpr OpLowering kQuantizedArithmeticLowerings[] = {
    {"QuantizedAdd", 6, 6, LowerQuantizedAdd},
    {"QuantizedBatchNormWithGlobalNormalization", 15, 15, LowerQuantizedBatchNorm},
    {"QuantizedBiasAdd", 6, 6, LowerQuantizedBiasAdd},
    {"QuantizedConcat", 4, kAnyNumber, LowerQuantizedConcat},
    {"QuantizedInstanceNorm", 3, 3, LowerQuantizedInstanceNorm},
    {"RequantizationRangePerChannel", 3, 3, LowerRangePerChannel},
    {"RequantizePerChannel", 5, 5, LowerRequantizePerChannel},
};

}  // namespace

absl::Span<const OpLowering> QuantizedArithmeticLowerings() { return kQuantizedArithmeticLowerings; }

}  // namespace moulin
