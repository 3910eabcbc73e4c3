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

// Calls f(T()) with the element type; quantised types are their raw integers. E_DTYPE (naming `what`) for others.
template <typename F>
Status DispatchFloat(DType type, absl::string_view what, F f) {
  switch (type) {
    case DType::kFloat32:
      return f(float());
    case DType::kFloat64:
      return f(double());
    case DType::kFloat16:
      return f(Half());
    case DType::kBFloat16:
      return f(BFloat16());
    default:
      return MakeError(ErrorCode::kDType, what, ": expected a floating type, got ", ShortName(type));
  }
}

template <typename F>
Status DispatchReal(DType type, absl::string_view what, F f) {
  switch (type) {
    case DType::kInt8:
    case DType::kQInt8:
      return f(int8_t());
    case DType::kInt16:
    case DType::kQInt16:
      return f(int16_t());
    case DType::kInt32:
    case DType::kQInt32:
      return f(int32_t());
    case DType::kInt64:
      return f(int64_t());
    case DType::kUInt8:
    case DType::kQUInt8:
      return f(uint8_t());
    case DType::kUInt16:
    case DType::kQUInt16:
      return f(uint16_t());
    case DType::kUInt32:
      return f(uint32_t());
    case DType::kUInt64:
      return f(uint64_t());
    default:
      return DispatchFloat(type, what, f);
  }
}

template <typename F>
Status DispatchNumber(DType type, absl::string_view what, F f) {
  switch (type) {
    case DType::kComplex64:
      return f(std::complex<float>());
    case DType::kComplex128:
      return f(std::complex<double>());
    default:
      return DispatchReal(type, what, f);
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_ELEMENT_H_
