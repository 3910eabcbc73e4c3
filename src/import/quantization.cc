// Fake quantisation, quantise-and-dequantise, and conversion to and from quantised types, step by step as TensorFlow
// computes them: a result that lies between two steps must round to the same one.
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

constexpr double kFloatMax = std::numeric_limits<float>::max();

// Tells the range of a fake quantisation of at most 8 bits, nudged as FakeQuantize does.
void NoteNudgedRange(LoweringContext& c, double lowest, double highest, double min, double max) {
  if (highest > 255 || !(min < max)) return;
  const double scale = (max - min) / (highest - lowest);
  const double zero = std::clamp(std::round(lowest - min / scale), lowest, highest);
  c.NoteRange(static_cast<float>((lowest - zero) * scale), static_cast<float>((highest - zero) * scale));
}

// Rounds halves away from 0, exactly as std::round does.
Term RoundHalvesAway(Term x) {
  const Term size = x.Apply(ExprOp::kAbs);
  const Term below = size.Apply(ExprOp::kFloor);
  const Term rounded = (size - below >= 0.5).Select(below + 1.0, below);
  return (x < 0.0).Select(-rounded, rounded);
}

// --- Fake quantisation: x moved to the nearest of 2^num_bits steps between min and max. ---

bool ReadSteps(LoweringContext& c, double* lowest, double* highest) {
  const int64_t bits = c.Int("num_bits", 8);
  if (bits < 2 || bits > 16) {
    c.BadAttr("num_bits", absl::StrCat("should be in [2, 16], found ", bits));
    return false;
  }
  *lowest = c.Bool("narrow_range", false) ? 1 : 0;
  *highest = (int64_t{1} << bits) - 1;
  return c.b.ok();
}

// A range moved so that 0 is a step. Its ends are scalars, or have a number for each place of the innermost axis.
struct Nudged {
  Term min, max, scale;
};

Nudged Nudge(Term min, Term max, double lowest, double highest) {
  const Term scale = (max - min) / (highest - lowest);
  const Term zero_from_min = lowest - min / scale;
  const Term zero = RoundHalvesAway(zero_from_min.Max(lowest).Min(highest));
  return {(lowest - zero) * scale, (highest - zero) * scale, scale};
}

Term FakeQuantize(Term x, Term min, Term max, double lowest, double highest) {
  const Nudged range = Nudge(min, max, lowest, highest);
  const Term inverse = 1.0 / range.scale;
  const Term zero_step = ((-range.min) * inverse + 0.5).Apply(ExprOp::kFloor);
  const Term shifted = x.Min(range.max).Max(range.min) - range.min;
  return (shifted * inverse - zero_step + 0.5).Apply(ExprOp::kFloor) * range.scale;
}

bool ReadRangeAttrs(LoweringContext& c, float* min, float* max) {
  *min = c.Float("min", -6);
  *max = c.Float("max", 6);
  if (*min < *max) return c.b.ok();
  c.BadAttr("min", absl::StrCat("should be below max, found ", *min, " and ", *max));
  return false;
}

void LowerFakeQuantArgs(LoweringContext& c) {
  double lowest, highest;
  if (!ReadSteps(c, &lowest, &highest)) return;
  float min, max;
  if (!ReadRangeAttrs(c, &min, &max)) return;
  const Term x(c.b, c.input(0));
  c.Output(FakeQuantize(x, x.Like(min), x.Like(max), lowest, highest));
  NoteNudgedRange(c, lowest, highest, min, max);
}

// The range is given as inputs; a range of nothing but 0 makes everything 0.
void LowerFakeQuantVars(LoweringContext& c) {
  double lowest, highest;
  if (!ReadSteps(c, &lowest, &highest)) return;
  const Term x(c.b, c.input(0)), min(c.b, c.input(1)), max(c.b, c.input(2));
  const Term no_range = min == 0.0 && max == 0.0;
  c.Output(no_range.Select(x.Like(0), FakeQuantize(x, min, max, lowest, highest)));
  const Tensor* least = c.b.constant(c.input(1));
  const Tensor* most = c.b.constant(c.input(2));
  const auto is_number = [](const Tensor* t) { return t != nullptr && t->num_elements() == 1; };
  if (!is_number(least) || !is_number(most)) return;  // a range each channel, or one not known before the graph is run
  NoteNudgedRange(c, lowest, highest, least->values<float>()[0], most->values<float>()[0]);
}

// --- Their gradients: that of what lies inside of the range passes, that of the rest goes to its ends. ---

// (gradient, x)
void LowerFakeQuantArgsGradient(LoweringContext& c) {
  double lowest, highest;
  float min, max;
  if (!ReadSteps(c, &lowest, &highest) || !ReadRangeAttrs(c, &min, &max)) return;
  const Term dy(c.b, c.input(0)), x(c.b, c.input(1));
  const Nudged range = Nudge(x.Like(min), x.Like(max), lowest, highest);
  c.Output(dy * (x >= range.min && x <= range.max).Cast(x.dtype()));
}

// (gradient, x, min, max) -> gradients by x, min and max; a range of nothing but 0 lets all pass.
void LowerFakeQuantVarsGradient(LoweringContext& c) {
  double lowest, highest;
  if (!ReadSteps(c, &lowest, &highest) || !RankIsKnown(c, 0)) return;
  GraphBuilder& b = c.b;
  const Term dy(b, c.input(0)), x(b, c.input(1)), min(b, c.input(2)), max(b, c.input(3));
  const Nudged range = Nudge(min, max, lowest, highest);
  const Term all = min == 0.0 && max == 0.0;
  const bool per_channel = c.op() == "FakeQuantWithMinMaxVarsPerChannelGradient";
  std::vector<int64_t> axes;
  for (int axis = 0; axis < c.shape(0).rank() - (per_channel ? 1 : 0); ++axis) axes.push_back(axis);
  const auto sum_where = [&](Term outside) {
    return b.Reduce(ReduceOp::kSum, (outside && !all).Select(dy, dy.Like(0)), axes, false);
  };
  c.Output((all || (x >= range.min && x <= range.max)).Select(dy, dy.Like(0)));
  c.Output(sum_where(x < range.min));
  c.Output(sum_where(x > range.max));
}

// --- Ranges for a whole tensor or for each place along an axis. ---

// `axis` of the attribute of that name; -1 where the range is one for all.
bool ReadAxis(LoweringContext& c, int* axis) {
  const int64_t value = c.Int("axis", -1);
  *axis = static_cast<int>(value);
  if (value == -1) return c.b.ok();
  if (!RankIsKnown(c, 0)) return false;
  if (value < 0 || value >= c.shape(0).rank()) {
    c.BadAttr("axis", absl::StrCat("should be -1 or in [0, ", c.shape(0).rank(), "), found ", value));
    return false;
  }
  return true;
}

// A range along `axis` of input 0, shaped to broadcast over it; a scalar for axis -1.
Term AlongAxis(LoweringContext& c, ValueId range, int axis) {
  GraphBuilder& b = c.b;
  if (axis < 0) return {b, b.Reshape(range, b.Ints(absl::Span<const int64_t>()))};
  std::vector<ValueId> sizes(c.shape(0).rank() - axis, b.Ints({1}));
  sizes[0] = DimOf(b, c.input(0), axis);
  return {b, ReshapeTo(b, range, sizes)};
}

Term RangeOf(LoweringContext& c, ReduceOp op, int axis) {
  GraphBuilder& b = c.b;
  if (axis < 0) return {b, b.Reduce(op, Flatten(b, c.input(0)), {0}, false)};
  std::vector<int64_t> axes;
  for (int i = 0; i < c.shape(0).rank(); ++i) {
    if (i != axis) axes.push_back(i);
  }
  return {b, b.Reduce(op, c.input(0), axes, true)};
}

// --- Quantise and dequantise at once ---

Term RoundBy(LoweringContext& c, Term x) {
  const std::string mode = c.String("round_mode", "HALF_TO_EVEN");
  if (mode == "HALF_TO_EVEN") return x.Apply(ExprOp::kRound);
  if (mode == "HALF_UP") return (x + 0.5).Apply(ExprOp::kFloor);
  if (mode == "HALF_AWAY_FROM_ZERO") return RoundHalvesAway(x);
  c.BadAttr("round_mode", absl::StrCat("unknown mode \"", Printable(mode), "\""));
  return x;
}

// value / range where they have the same sign, else a number that no other scale exceeds.
Term ScaleFrom(Term range, double value) {
  if (value == 0) return range.Like(kFloatMax);
  return (value * range > 0.0).Select(value / range, range.Like(kFloatMax));
}

// The ends of the range count where the attribute range_given says so.
void QuantizeAndDequantize(LoweringContext& c, int64_t bits, ValueId range_min, ValueId range_max) {
  if (bits < 2 || bits > 62) {
    c.BadAttr("num_bits", absl::StrCat("should be in [2, 62], found ", bits));
    return;
  }
  int axis;
  if (!ReadAxis(c, &axis)) return;
  const bool is_signed = c.Bool("signed_input", true), range_given = c.Bool("range_given", c.num_inputs() == 4);
  const double narrow = c.Bool("narrow_range", false) ? 1 : 0;
  const double lowest = is_signed ? narrow - static_cast<double>(int64_t{1} << (bits - 1)) : 0;
  const double highest = static_cast<double>((int64_t{1} << (is_signed ? bits - 1 : bits)) - 1);

  const Term x(c.b, c.input(0));
  const Term min = range_given ? AlongAxis(c, range_min, axis) : RangeOf(c, ReduceOp::kMin, axis);
  const Term max = range_given ? AlongAxis(c, range_max, axis) : RangeOf(c, ReduceOp::kMax, axis);
  const Term from_min = ScaleFrom(min, lowest), from_max = ScaleFrom(max, highest);
  const Term by_min = from_min < from_max;
  const Term inverse = lowest == 0 ? max / highest : by_min.Select(min / lowest, max / highest);
  const Term scale = by_min.Select(from_min, from_max);
  Term clamped = x;
  if (range_given) {
    const Term upper = by_min.Select(inverse * highest, max), lower = by_min.Select(min, inverse * lowest);
    clamped = x.Min(upper).Max(lower);
  }
  c.Output(RoundBy(c, clamped * scale) * inverse);
}

void LowerQuantizeAndDequantize(LoweringContext& c) {
  QuantizeAndDequantize(c, c.Int("num_bits", 8), c.input(1), c.input(2));
}

// The first form has its range as attributes.
void LowerQuantizeAndDequantizeV1(LoweringContext& c) {
  const double min = c.Float("input_min", 0), max = c.Float("input_max", 0);
  QuantizeAndDequantize(c, c.Int("num_bits", 8), c.b.Scalar(c.dtype(0), min), c.b.Scalar(c.dtype(0), max));
}

// V3 takes the number of bits as an input.
void LowerQuantizeAndDequantizeV3(LoweringContext& c) {
  const std::vector<int64_t> bits = c.ConstantInts(3);
  if (!c.b.ok()) return;
  QuantizeAndDequantize(c, bits.size() == 1 ? bits[0] : 0, c.input(1), c.input(2));
}

// --- Quantised types ---

struct QuantizedType {
  double lowest, highest, steps;
  double half_range;  // added so that the lowest is 0; 0 for the unsigned
};

bool ReadQuantizedType(LoweringContext& c, DType type, QuantizedType* q) {
  if (!IsQuantized(type)) {
    c.b.Fail(MakeError(ErrorCode::kDType, "a quantised type expected, found ", Name(type)));
    return false;
  }
  const int bits = 8 * static_cast<int>(SizeOf(type));
  q->steps = static_cast<double>(int64_t{1} << bits);
  q->half_range = IsSignedInteger(type) ? q->steps / 2 : 0;
  q->lowest = -q->half_range;
  q->highest = q->lowest + q->steps - 1;
  return true;
}

bool ReadMode(LoweringContext& c, std::string* mode) {
  *mode = c.String("mode", "MIN_COMBINED");
  if (*mode == "MIN_COMBINED" || *mode == "MIN_FIRST" || *mode == "SCALED") return c.b.ok();
  c.BadAttr("mode", absl::StrCat("should be MIN_COMBINED, MIN_FIRST or SCALED, found \"", Printable(*mode), "\""));
  return false;
}

// -> quantised x, the range's ends as they became.
struct QuantizedValue {
  Term steps, min, max;
};

QuantizedValue QuantizeMinCombined(Term x, Term min, Term max, const QuantizedType& q) {
  const Term scale = ((q.highest - q.lowest) / (max - min).Cast(DType::kFloat64)).Cast(DType::kFloat32);
  const Term from_zero = (x.Min(max).Max(min) - min) * scale;
  if (q.half_range == 0) return {(from_zero + 0.5).Apply(ExprOp::kFloor), min, max};
  return {RoundHalvesAway(from_zero - q.half_range), min, max};
}

// The largest float that an int32 holds, which clamps the 32-bit steps.
constexpr double kMaxInt32AsFloat = 2147483520.0;

QuantizedValue QuantizeMinFirst(Term x, Term min, Term max, const QuantizedType& q) {
  // TensorFlow's x86 builds hand 8 unsigned bits to oneDNN, which rounds once, halves to even.
  if (q.lowest == 0 && q.highest == 255) {
    const Term steps = ((x - min) * (q.highest / (max - min))).Apply(ExprOp::kRound);
    return {steps.Max(q.lowest).Min(q.highest), min, max};
  }
  const Term range = (max - min).Cast(DType::kFloat64) * (q.steps / (q.steps - 1));
  const Term scale = (q.steps / range).Cast(DType::kFloat32);
  const Term steps = RoundHalvesAway(x * scale) - RoundHalvesAway(min * scale) + q.lowest;
  return {steps.Max(q.lowest).Min(std::min(q.highest, kMaxInt32AsFloat)), min, max};
}

// As oneDNN does it for TensorFlow's x86 builds, where 8 bits are rounded to even: the range is symmetric, and the
// steps of signed types are spread over 255 of its halves.
QuantizedValue QuantizeSymmetric(Term x, Term min, Term max, const QuantizedType& q) {
  const Term limit = min.Apply(ExprOp::kAbs).Max(max.Apply(ExprOp::kAbs));
  const bool is_signed = q.half_range > 0;
  const Term scale = (q.highest - q.lowest) / (is_signed ? limit * 2.0 : limit);
  const Term steps = (x * scale).Apply(ExprOp::kRound).Max(q.lowest).Min(q.highest);
  return {steps, is_signed ? -limit : limit.Like(0), limit};
}

QuantizedValue QuantizeScaled(LoweringContext& c, Term x, Term min, Term max, const QuantizedType& q) {
  const bool is_narrow = c.Bool("narrow_range", false);
  const std::string round_mode = c.String("round_mode", "HALF_AWAY_FROM_ZERO");
  if (round_mode != "HALF_TO_EVEN" && round_mode != "HALF_AWAY_FROM_ZERO") {
    c.BadAttr("round_mode", absl::StrCat("unknown mode \"", Printable(round_mode), "\""));
  }
  const bool to_even = round_mode == "HALF_TO_EVEN";
  if (to_even && !is_narrow && q.steps == 256 && c.Int("axis", -1) < 0) return QuantizeSymmetric(x, min, max, q);
  const double lowest = q.lowest + (is_narrow ? 1 : 0);
  const Term scale = ScaleFrom(min, lowest).Min(ScaleFrom(max, q.highest));
  const Term lower = lowest / scale, upper = q.highest / scale;
  const Term scaled = x.Min(upper).Max(lower) * scale;
  return {to_even ? scaled.Apply(ExprOp::kRound) : RoundHalvesAway(scaled), lower, upper};
}

// The ends of the range as an output: a scalar, or a vector along the axis.
ValueId RangeOutput(LoweringContext& c, Term range, int axis) { return axis < 0 ? range.id() : Flatten(c.b, range); }

void LowerQuantizeV2(LoweringContext& c) {
  const DType type = c.Type("T", DType::kQUInt8);
  QuantizedType q;
  std::string mode;
  int axis;
  if (!ReadQuantizedType(c, type, &q) || !ReadMode(c, &mode) || !ReadAxis(c, &axis)) return;
  const Term x(c.b, c.input(0));
  const Term given_min = AlongAxis(c, c.input(1), axis), given_max = AlongAxis(c, c.input(2), axis);
  // The range holds 0 and is not too small.
  const Term min = given_min.Min(0);
  const Term largest = given_min.Apply(ExprOp::kAbs).Max(given_max.Apply(ExprOp::kAbs)).Max(1);
  const Term least = largest * static_cast<double>(c.Float("ensure_minimum_range", 0.01f));
  const Term max = given_max.Max(min + least).Max(0);
  const QuantizedValue result = mode == "MIN_COMBINED" ? QuantizeMinCombined(x, min, max, q)
                                : mode == "MIN_FIRST"  ? QuantizeMinFirst(x, min, max, q)
                                                       : QuantizeScaled(c, x, min, max, q);
  c.Outputs({result.steps.Cast(type), RangeOutput(c, result.min, axis), RangeOutput(c, result.max, axis)});
}

Term Dequantize(LoweringContext& c, const std::string& mode, Term x, Term min, Term max, const QuantizedType& q) {
  if (mode == "MIN_COMBINED") return (x + q.half_range) * ((max - min) / (q.highest - q.lowest)) + min;
  if (mode == "MIN_FIRST") {
    const Term scale = ((max - min).Cast(DType::kFloat64) / (q.steps - 1)).Cast(DType::kFloat32);
    const Term rounded = (max == min).Select(min, RoundHalvesAway(min / scale) * scale);
    return (rounded - q.lowest * scale) + x * scale;
  }
  const double lowest = q.lowest + (c.Bool("narrow_range", false) ? 1 : 0);
  const Term from_max = max / q.highest;
  return x * (q.lowest == 0 ? from_max : (min / lowest).Max(from_max));
}

void LowerDequantize(LoweringContext& c) {
  QuantizedType q;
  std::string mode;
  int axis;
  if (!ReadQuantizedType(c, c.dtype(0), &q) || !ReadMode(c, &mode) || !ReadAxis(c, &axis)) return;
  const Term x = Term(c.b, c.input(0)).Cast(DType::kFloat32);
  const Term min = AlongAxis(c, c.input(1), axis), max = AlongAxis(c, c.input(2), axis);
  c.Output(Dequantize(c, mode, x, min, max, q).Cast(c.Type("dtype", DType::kFloat32)));
}

constexpr OpLowering kQuantizationLowerings[] = {
    {"FakeQuantWithMinMaxArgs", 1, 1, LowerFakeQuantArgs},
    {"FakeQuantWithMinMaxArgsGradient", 2, 2, LowerFakeQuantArgsGradient},
    {"FakeQuantWithMinMaxVarsGradient", 4, 4, LowerFakeQuantVarsGradient},
    {"FakeQuantWithMinMaxVarsPerChannelGradient", 4, 4, LowerFakeQuantVarsGradient},
    {"FakeQuantWithMinMaxVars", 3, 3, LowerFakeQuantVars},
    {"FakeQuantWithMinMaxVarsPerChannel", 3, 3, LowerFakeQuantVars},
    {"QuantizeAndDequantize", 1, 1, LowerQuantizeAndDequantizeV1},
    {"QuantizeAndDequantizeV2", 3, 3, LowerQuantizeAndDequantize},
    {"QuantizeAndDequantizeV3", 4, 4, LowerQuantizeAndDequantizeV3},
    {"QuantizeAndDequantizeV4", 3, 3, LowerQuantizeAndDequantize},
    {"QuantizeV2", 3, 3, LowerQuantizeV2},
    {"Dequantize", 3, 3, LowerDequantize},
};

}  // namespace

absl::Span<const OpLowering> QuantizationLowerings() { return kQuantizationLowerings; }

}  // namespace moulin
