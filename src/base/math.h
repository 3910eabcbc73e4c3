// Division upwards, of non-negative numbers.
#ifndef MOULIN_BASE_MATH_H_
#define MOULIN_BASE_MATH_H_

#include <cstdint>

namespace moulin {

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The least multiple that is not below `value`.
constexpr int64_t RoundUp(int64_t value, int64_t multiple) { return CeilDiv(value, multiple) * multiple; }

}  // namespace moulin

#endif  // MOULIN_BASE_MATH_H_
