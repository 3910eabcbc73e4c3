// Uniform and normal values of the words that one step of the generator gives, as TensorFlow makes them.
#ifndef MOULIN_OPS_RANDOM_GROUPS_H_
#define MOULIN_OPS_RANDOM_GROUPS_H_

#include <algorithm>
#include <array>
#include <type_traits>

#include "base/half.h"
#include "ops/philox.h"

namespace moulin {

template <typename T>
inline constexpr bool kIsWide = sizeof(T) == 8;  // two words a value
// The number of values of one step.
template <typename T>
inline constexpr int kGroupOf = kIsWide<T> ? 2 : 4;

// Values in [0, 1).
template <typename T>
void UniformGroup(const Words& w, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    for (int i = 0; i < 4; ++i) out[i] = UnitFloat(w[i]);
  } else if constexpr (std::is_same_v<T, double>) {
    for (int i = 0; i < 2; ++i) out[i] = UnitDouble(w[2 * i], w[2 * i + 1]);
  } else {
    // As many bits as the type's mantissa has.
    constexpr uint32_t kBits = std::is_same_v<T, Half> ? 10 : 7;
    for (int i = 0; i < 4; ++i) {
      out[i] = static_cast<T>(static_cast<float>(w[i] & ((1u << kBits) - 1)) / static_cast<float>(1u << kBits));
    }
  }
}

template <typename T>
void NormalGroup(const Words& w, T* out) {
  if constexpr (std::is_same_v<T, double>) {
    const auto pair = NormalPair(w);
    std::copy(pair.begin(), pair.end(), out);
  } else {
    for (int i = 0; i < 4; i += 2) {
      const auto pair = NormalFloats(w[i], w[i + 1]);
      for (int k = 0; k < 2; ++k) out[i + k] = static_cast<T>(pair[k]);
    }
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_RANDOM_GROUPS_H_
