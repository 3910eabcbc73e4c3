// Deterministic numbers for tests.
#ifndef MOULIN_TESTS_SUPPORT_VALUES_H_
#define MOULIN_TESTS_SUPPORT_VALUES_H_

#include <cstdint>
#include <vector>

namespace moulin::testing {

// In [-1, 1).
inline std::vector<float> Values(int64_t n, uint32_t seed = 1) {
  std::vector<float> values(n);
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_SUPPORT_VALUES_H_
