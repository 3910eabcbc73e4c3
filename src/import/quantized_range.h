// Quantised tensors come with the real numbers that their lowest and highest values stand for. The conversions between
// the two, in double precision, as TensorFlow rounds.
#ifndef MOULIN_IMPORT_QUANTIZED_RANGE_H_
#define MOULIN_IMPORT_QUANTIZED_RANGE_H_

#include "import/lowering_util.h"

namespace moulin {

inline constexpr DType kDouble = DType::kFloat64;

// The values of a quantised type, and the ends of the range that they stand for.
struct QuantizedRange {
  double lowest, highest;
  Term min, max;  // float32 scalars
  double steps() const { return highest - lowest + 1; }
};

// The range whose ends are the inputs `min` and `max`; false, with E_DTYPE, for a type that is not quantised.
bool ReadRange(LoweringContext& c, DType type, int min, int max, QuantizedRange* out);
// That of a type, with these ends.
QuantizedRange RangeOfType(DType type, Term min, Term max);

// Rounds halves away from 0 by adding a half and rounding down, as TensorFlow's kernels for quantised tensors do: the
// sum may round up what is just below a half.
Term RoundAway(Term x);
// The value that stands for a real number, without bounds.
Term Quantized(Term x, const QuantizedRange& r);
Term Bounded(Term value, const QuantizedRange& r);
// The real number, in single precision, that a value stands for.
Term Real(Term value, const QuantizedRange& r);

}  // namespace moulin

#endif  // MOULIN_IMPORT_QUANTIZED_RANGE_H_
