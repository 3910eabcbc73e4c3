// How far two tensors lie apart, and whether that is within a tolerance.
#ifndef MOULIN_ENGINE_DIFFERENCE_H_
#define MOULIN_ENGINE_DIFFERENCE_H_

#include <cstdint>
#include <string>

#include "moulin/tensor.h"

namespace moulin::internal {

// An element may differ by `atol` + `rtol` * |expected|. Integers, bools and strings must be equal.
struct Tolerance {
  double rtol = 0;
  double atol = 0;
};

struct Difference {
  double max_abs = 0;  // over the elements that are finite on both sides, as the next two
  double max_rel = 0;  // against max(|expected|, 1e-6)
  // sqrt(sum |found - expected|^2) / sqrt(sum |expected|^2); 0 where all expected are 0.
  double relative_norm = 0;
  int64_t mismatches = 0;     // elements outside of the tolerance
  int64_t worst_index = -1;   // flat, of the element that exceeds its limit by most; -1 where none does
  bool found_nan = false;     // a NaN among `found`
  bool expected_nan = false;  // a NaN among `expected`
  std::string what;           // says what is wrong, where something is: types and shapes, or the worst element

  bool within() const { return what.empty(); }
};

// NaN equals NaN; an infinity equals itself.
Difference Compare(const Tensor& found, const Tensor& expected, const Tolerance& tolerance);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_DIFFERENCE_H_
