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
  bool within = true;
  double max_abs = 0;
  double max_rel = 0;        // against max(|expected|, 1e-6)
  int64_t worst_index = -1;  // of the element that exceeds its limit by most; -1 where none does
  std::string what;          // says what is wrong, where something is
};

// NaN equals NaN; an infinity equals itself.
Difference Compare(const Tensor& found, const Tensor& expected, const Tolerance& tolerance);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_DIFFERENCE_H_
