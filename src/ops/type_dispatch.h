// Calls a generic function with the C++ type of a DType.
#ifndef MOULIN_OPS_TYPE_DISPATCH_H_
#define MOULIN_OPS_TYPE_DISPATCH_H_

#include <complex>
#include <cstdint>
#include <type_traits>

#include "base/errors.h"
#include "base/half.h"
#include "moulin/dtype.h"

namespace moulin {

// The type that arithmetic on T is done in: float for the 16-bit floats, else T.
template <typename T>
using ArithmeticOf = std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;

inline Status UnsupportedType(DType type) {
  return MakeError(ErrorCode::kDType, "type ", Name(type), " is not supported here");
}

// f(T()) for the floating types; f returns a Status. E_DTYPE for any other type.
template <typename F>
Status DispatchFloating(DType type, F f) {
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
      return UnsupportedType(type);
  }
}

// As above for integers, quantised ones being taken as plain integers.
template <typename F>
Status DispatchInteger(DType type, F f) {
  switch (type) {
    case DType::kInt8:
    case DType::kQInt8:
      return f(int8_t());
    case DType::kUInt8:
    case DType::kQUInt8:
      return f(uint8_t());
    case DType::kInt16:
    case DType::kQInt16:
      return f(int16_t());
    case DType::kUInt16:
    case DType::kQUInt16:
      return f(uint16_t());
    case DType::kInt32:
    case DType::kQInt32:
      return f(int32_t());
    case DType::kUInt32:
      return f(uint32_t());
    case DType::kInt64:
      return f(int64_t());
    case DType::kUInt64:
      return f(uint64_t());
    default:
      return UnsupportedType(type);
  }
}

template <typename F>
Status DispatchReal(DType type, F f) {
  return IsFloating(type) ? DispatchFloating(type, f) : DispatchInteger(type, f);
}

template <typename F>
Status DispatchComplex(DType type, F f) {
  switch (type) {
    case DType::kComplex64:
      return f(std::complex<float>());
    case DType::kComplex128:
      return f(std::complex<double>());
    default:
      return UnsupportedType(type);
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_TYPE_DISPATCH_H_
