// Conversions between element types, on the host and on the device, with the same result on both.
//
// Float to integer truncates. What is out of range (or NaN) is given a value too, the one that x86 computes and
// TensorFlow shows for a single element there:
//   to int32:              -2^31
//   to int64:              -2^63
//   to uint64:             as int64 below 2^63 (so negative numbers wrap); 2^63 from 2^64 on and for NaN
//   to uint32:             the low half of the conversion to int64
//   to 8 and 16 bits:      the low bits of the conversion to int32
// Numbers to bool: whether they are not 0. Complex to real: the real part.
#ifndef MOULIN_KERNELS_SCALAR_CAST_H_
#define MOULIN_KERNELS_SCALAR_CAST_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/hd.h"

namespace moulin::scalar {

template <typename F>
MOULIN_HD int32_t ToInt32(F x) {
  const F whole = std::trunc(x);
  if (!(whole >= F(-2147483648.0) && whole < F(2147483648.0))) return INT32_MIN;
  return static_cast<int32_t>(whole);
}

template <typename F>
MOULIN_HD int64_t ToInt64(F x) {
  if (!(x >= F(-9223372036854775808.0) && x < F(9223372036854775808.0))) return INT64_MIN;
  return static_cast<int64_t>(x);
}

template <typename F>
MOULIN_HD uint64_t ToUInt64(F x) {
  constexpr F kHalf = F(9223372036854775808.0);
  if (!(x >= kHalf)) return static_cast<uint64_t>(ToInt64(x));
  if (x >= F(18446744073709551616.0)) return uint64_t{1} << 63;
  return static_cast<uint64_t>(static_cast<int64_t>(x - kHalf)) + (uint64_t{1} << 63);
}

template <typename To, typename From>
MOULIN_HD To Cast(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_same_v<To, uint64_t>)
      return ToUInt64(x);
    else if constexpr (sizeof(To) == 8 || std::is_same_v<To, uint32_t>)
      return static_cast<To>(ToInt64(x));
    else
      return static_cast<To>(ToInt32(x));
  } else {
    return static_cast<To>(x);
  }
}

// Clamps to the range of an integer type first; a NaN gives 0.
template <typename To, typename From>
MOULIN_HD To SaturatingCast(From x) {
  if constexpr (!std::is_integral_v<To> || std::is_same_v<To, bool> || std::is_same_v<From, bool>) {
    return Cast<To>(x);
  } else if constexpr (std::is_floating_point_v<From>) {
    // The bounds as floats; the upper one may have been rounded up, to a number that is out of range.
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kHigh = static_cast<From>(std::numeric_limits<To>::max());
    if (x != x) return To(0);
    if (x <= kLow) return std::numeric_limits<To>::min();
    if (x >= kHigh) return std::numeric_limits<To>::max();
    return static_cast<To>(x);
  } else {
    constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<To>::max());
    if constexpr (std::is_signed_v<From>) {
      if (x < 0) {
        if constexpr (!std::is_signed_v<To>)
          return To(0);
        else
          return static_cast<int64_t>(x) < static_cast<int64_t>(std::numeric_limits<To>::min())
                     ? std::numeric_limits<To>::min()
                     : static_cast<To>(x);
      }
    }
    return static_cast<uint64_t>(x) > kMax ? std::numeric_limits<To>::max() : static_cast<To>(x);
  }
}

}  // namespace moulin::scalar

#endif  // MOULIN_KERNELS_SCALAR_CAST_H_
