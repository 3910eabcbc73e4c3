// Element types in reference kernels: dispatch from DType to C++ types, and the wide types that kernels compute in.
#ifndef MOULIN_OPS_ELEMENT_H_
#define MOULIN_OPS_ELEMENT_H_

#include <bit>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/errors.h"
#include "base/half.h"
#include "moulin/dtype.h"
#include "ops/type_dispatch.h"

namespace moulin {

template <typename T>
inline constexpr bool kIsFloatElement =
    std::is_floating_point_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <typename T>
inline constexpr bool kIsComplexElement =
    std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;

// The type that T is accumulated in: double, std::complex<double>, int64_t or uint64_t.
template <typename T>
using Wide = std::conditional_t<kIsFloatElement<T>, double,
                                std::conditional_t<kIsComplexElement<T>, std::complex<double>,
                                                   std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>>;

template <typename T>
Wide<T> Widen(T x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
    return static_cast<float>(x);
  else
    return static_cast<Wide<T>>(x);
}

// Rounds a float to the type; keeps the low bits of an integer.
template <typename T>
T Narrow(Wide<T> x) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return BFloat16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}

// The lowest and highest finite numbers.
template <typename T>
T Lowest() {
  if constexpr (std::is_same_v<T, Half>)
    return Half(-65504.0f);
  else if constexpr (std::is_same_v<T, BFloat16>)
    return BFloat16(std::bit_cast<float>(0xff7f0000u));
  else
    return std::numeric_limits<T>::lowest();
}
template <typename T>
T Highest() {
  if constexpr (std::is_same_v<T, Half>)
    return Half(65504.0f);
  else if constexpr (std::is_same_v<T, BFloat16>)
    return BFloat16(std::bit_cast<float>(0x7f7f0000u));
  else
    return std::numeric_limits<T>::max();
}

// As the functions of these names in type_dispatch.h; errors name `what`.
template <typename F>
Status DispatchFloat(DType type, absl::string_view what, F f) {
  if (IsFloating(type)) return DispatchFloating(type, f);
  return MakeError(ErrorCode::kDType, what, ": expected a floating type, got ", ShortName(type));
}

template <typename F>
Status DispatchReal(DType type, absl::string_view what, F f) {
  return IsInteger(type) ? DispatchInteger(type, f) : DispatchFloat(type, what, f);
}

template <typename F>
Status DispatchNumber(DType type, absl::string_view what, F f) {
  return IsComplex(type) ? DispatchComplex(type, f) : DispatchReal(type, what, f);
}

}  // namespace moulin

#endif  // MOULIN_OPS_ELEMENT_H_
