// float16 and bfloat16 as storage types: arithmetic is done in float and rounded to nearest even.
#ifndef MOULIN_BASE_HALF_H_
#define MOULIN_BASE_HALF_H_

#include <bit>
#include <cstdint>

#include "moulin/tensor.h"

namespace moulin {

// IEEE 754 binary16. GCC's _Float16 converts with one correctly rounded step from float and from double.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit Half(float x) : bits(std::bit_cast<uint16_t>(static_cast<_Float16>(x))) {}
  explicit Half(double x) : bits(std::bit_cast<uint16_t>(static_cast<_Float16>(x))) {}
  explicit operator float() const { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
};

// The upper half of a float.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float x) : bits(Round(x)) {}
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

 private:
  static uint16_t Round(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40u);  // keep NaN a NaN
    return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::kFloat16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::kBFloat16;
};

}  // namespace moulin

#endif  // MOULIN_BASE_HALF_H_
