#include "import/quantized_range.h"

namespace moulin {

QuantizedRange RangeOfType(DType type, Term min, Term max) {
  const int bits = 8 * static_cast<int>(SizeOf(type));
  const auto steps = static_cast<double>(int64_t{1} << bits);
  const double lowest = IsSignedInteger(type) ? -steps / 2 : 0;
  return {lowest, lowest + steps - 1, min, max};
}

bool ReadRange(LoweringContext& c, DType type, int min, int max, QuantizedRange* out) {
  if (!IsQuantized(type)) {
    c.b.Fail(MakeError(ErrorCode::kDType, "a quantised type expected, found ", Name(type)));
    return false;
  }
  const auto scalar = [&](int i) { return Term(c.b, c.b.Reshape(c.input(i), c.b.Ints(absl::Span<const int64_t>()))); };
  *out = RangeOfType(type, scalar(min), scalar(max));
  return c.b.ok();
}

Term RoundAway(Term x) {
  const Term rounded = (x.Apply(ExprOp::kAbs) + 0.5).Apply(ExprOp::kFloor);
  return (x < 0.0).Select(-rounded, rounded);
}

Term Quantized(Term x, const QuantizedRange& r) {
  const double adjust = r.steps() / (r.steps() - 1);
  const Term scale = r.steps() / ((r.max - r.min).Cast(kDouble) * adjust);
  const Term value = RoundAway(x.Cast(kDouble) * scale) - RoundAway(r.min.Cast(kDouble) * scale) + r.lowest;
  return (r.min == r.max).Select(value.Like(0), value);
}

Term Bounded(Term value, const QuantizedRange& r) { return value.Max(r.lowest).Min(r.highest); }

Term Real(Term value, const QuantizedRange& r) {
  const double adjust = r.steps() / (r.steps() - 1);
  const Term scale = (r.max - r.min).Cast(kDouble) * (adjust / r.steps());
  const Term narrow = scale.Cast(DType::kFloat32);
  const Term start = RoundAway((r.min / narrow).Cast(kDouble)) * narrow.Cast(kDouble);
  const Term real = (start + (value - r.lowest) * scale).Cast(DType::kFloat32);
  return (r.min == r.max).Select(r.min, real);
}

}  // namespace moulin
