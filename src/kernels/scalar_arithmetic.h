// The scalar meaning of the arithmetic, comparison and bit operations of expressions (ExprOp in ir/expr.h), for real
// types, on the host and on the device. float16 and bfloat16 are computed as float and rounded by the caller.
//
// All functions are total: integers wrap, a division by zero gives 0 (evaluators on the host report it instead), and
// shifts clamp their distance to the width of the type, as in TensorFlow.
#ifndef MOULIN_KERNELS_SCALAR_ARITHMETIC_H_
#define MOULIN_KERNELS_SCALAR_ARITHMETIC_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/hd.h"

namespace moulin::scalar {

template <typename T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T>;

// The unsigned type in which an integer wraps; at least 32 bits wide, so that no promotion to int overflows.
template <typename T>
using Wrapping = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;

// --- one operand

template <typename T>
MOULIN_HD T Neg(T x) {
  if constexpr (kIsFloat<T>)
    return -x;
  else
    return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(x));
}

template <typename T>
MOULIN_HD T Abs(T x) {
  if constexpr (kIsFloat<T>)
    return std::fabs(x);
  else if constexpr (std::is_unsigned_v<T>)
    return x;
  else
    return x < 0 ? Neg(x) : x;
}

// -1, 0 or 1; a NaN gives NaN.
template <typename T>
MOULIN_HD T Sign(T x) {
  if constexpr (kIsFloat<T>) {
    if (x != x) return x;
  }
  if constexpr (std::is_unsigned_v<T>)
    return static_cast<T>(x > 0);
  else
    return static_cast<T>((x > 0) - (x < 0));
}

template <typename T>
MOULIN_HD T Reciprocal(T x) {
  if constexpr (!kIsFloat<T>) {
    if (x == 0) return 0;
  }
  return static_cast<T>(T(1) / x);
}

template <typename T>
MOULIN_HD T Sqrt(T x) {
  return std::sqrt(x);
}
template <typename T>
MOULIN_HD T Rsqrt(T x) {
  return T(1) / std::sqrt(x);
}
template <typename T>
MOULIN_HD T Exp(T x) {
  return std::exp(x);
}
template <typename T>
MOULIN_HD T Expm1(T x) {
  return std::expm1(x);
}
template <typename T>
MOULIN_HD T Log(T x) {
  return std::log(x);
}
template <typename T>
MOULIN_HD T Log1p(T x) {
  return std::log1p(x);
}
template <typename T>
MOULIN_HD T Sin(T x) {
  return std::sin(x);
}
template <typename T>
MOULIN_HD T Cos(T x) {
  return std::cos(x);
}
template <typename T>
MOULIN_HD T Tan(T x) {
  return std::tan(x);
}
template <typename T>
MOULIN_HD T Asin(T x) {
  return std::asin(x);
}
template <typename T>
MOULIN_HD T Acos(T x) {
  return std::acos(x);
}
template <typename T>
MOULIN_HD T Atan(T x) {
  return std::atan(x);
}
template <typename T>
MOULIN_HD T Sinh(T x) {
  return std::sinh(x);
}
template <typename T>
MOULIN_HD T Cosh(T x) {
  return std::cosh(x);
}
template <typename T>
MOULIN_HD T Tanh(T x) {
  return std::tanh(x);
}
template <typename T>
MOULIN_HD T Asinh(T x) {
  return std::asinh(x);
}
template <typename T>
MOULIN_HD T Acosh(T x) {
  return std::acosh(x);
}
template <typename T>
MOULIN_HD T Atanh(T x) {
  return std::atanh(x);
}
template <typename T>
MOULIN_HD T Erf(T x) {
  return std::erf(x);
}
template <typename T>
MOULIN_HD T Erfc(T x) {
  return std::erfc(x);
}
template <typename T>
MOULIN_HD T Floor(T x) {
  return std::floor(x);
}
template <typename T>
MOULIN_HD T Ceil(T x) {
  return std::ceil(x);
}

// To the nearest integer, halves to the even one.
template <typename T>
MOULIN_HD T Round(T x) {
  if constexpr (kIsFloat<T>)
    return std::rint(x);
  else
    return x;
}

// 1 / (1 + exp(-x)), without overflow on either side.
template <typename T>
MOULIN_HD T Sigmoid(T x) {
  const T e = std::exp(-std::fabs(x));
  return (x < 0 ? e : T(1)) / (T(1) + e);
}

// log(1 + exp(x)), without overflow.
template <typename T>
MOULIN_HD T Softplus(T x) {
  const T rest = std::log1p(std::exp(-std::fabs(x)));
  return x > 0 ? x + rest : rest;
}

template <typename T>
MOULIN_HD T Relu(T x) {
  return x < 0 ? T(0) : x;
}  // a NaN stays
template <typename T>
MOULIN_HD T Elu(T x) {
  return x < 0 ? std::expm1(x) : x;
}

// --- two operands

template <typename T>
MOULIN_HD T Add(T x, T y) {
  if constexpr (kIsFloat<T>)
    return x + y;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(x) + static_cast<Wrapping<T>>(y));
}

template <typename T>
MOULIN_HD T Sub(T x, T y) {
  if constexpr (kIsFloat<T>)
    return x - y;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(x) - static_cast<Wrapping<T>>(y));
}

template <typename T>
MOULIN_HD T Mul(T x, T y) {
  if constexpr (kIsFloat<T>)
    return x * y;
  else
    return static_cast<T>(static_cast<Wrapping<T>>(x) * static_cast<Wrapping<T>>(y));
}

// Towards zero for integers; the lowest divided by -1 wraps to itself.
template <typename T>
MOULIN_HD T Div(T x, T y) {
  if constexpr (kIsFloat<T>) return x / y;
  if constexpr (std::is_signed_v<T>) {
    if (y == T(-1)) return Neg(x);
  }
  return y == 0 ? T(0) : static_cast<T>(x / y);
}

// The remainder that goes with Div: it has the sign of x.
template <typename T>
MOULIN_HD T TruncMod(T x, T y) {
  if constexpr (kIsFloat<T>) {
    return std::fmod(x, y);
  } else {
    if (y == 0 || (std::is_signed_v<T> && y == static_cast<T>(-1))) return T(0);
    return static_cast<T>(x % y);
  }
}

template <typename T>
MOULIN_HD T FloorDiv(T x, T y) {
  if constexpr (kIsFloat<T>) {
    return std::floor(x / y);
  } else {
    const T quotient = Div(x, y);
    const bool inexact = TruncMod(x, y) != 0;
    return inexact && (x < 0) != (y < 0) ? static_cast<T>(quotient - 1) : quotient;
  }
}

// The remainder that goes with FloorDiv: it has the sign of y.
template <typename T>
MOULIN_HD T FloorMod(T x, T y) {
  const T rest = TruncMod(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? static_cast<T>(rest + y) : rest;
}

template <typename T>
MOULIN_HD T DivNoNan(T x, T y) {
  return y == 0 ? T(0) : Div(x, y);
}
template <typename T>
MOULIN_HD T MulNoNan(T x, T y) {
  return y == 0 ? T(0) : Mul(x, y);
}

// Integers by repeated squaring, wrapping; a negative exponent gives 0 (evaluators on the host report it).
template <typename T>
MOULIN_HD T Pow(T x, T y) {
  if constexpr (kIsFloat<T>) {
    return std::pow(x, y);
  } else {
    if (y < 0) return T(0);
    Wrapping<T> result = 1, square = static_cast<Wrapping<T>>(x);
    for (auto rest = static_cast<Wrapping<T>>(y); rest != 0; rest >>= 1) {
      if (rest & 1) result *= square;
      square *= square;
    }
    return static_cast<T>(result);
  }
}

template <typename T>
MOULIN_HD T Atan2(T y, T x) {
  return std::atan2(y, x);
}
template <typename T>
MOULIN_HD T NextAfter(T x, T y) {
  return std::nextafter(x, y);
}

// A NaN on either side gives NaN.
template <typename T>
MOULIN_HD T Max(T x, T y) {
  return x != x || x > y ? x : y;
}
template <typename T>
MOULIN_HD T Min(T x, T y) {
  return x != x || x < y ? x : y;
}

template <typename T>
MOULIN_HD T Xdivy(T x, T y) {
  return x == 0 ? T(0) : x / y;
}
template <typename T>
MOULIN_HD T Xlogy(T x, T y) {
  return x == 0 ? T(0) : x * std::log(y);
}
template <typename T>
MOULIN_HD T Xlog1py(T x, T y) {
  return x == 0 ? T(0) : x * std::log1p(y);
}

// --- bits

template <typename T>
MOULIN_HD T BitNot(T x) {
  return static_cast<T>(~x);
}
template <typename T>
MOULIN_HD T BitAnd(T x, T y) {
  return static_cast<T>(x & y);
}
template <typename T>
MOULIN_HD T BitOr(T x, T y) {
  return static_cast<T>(x | y);
}
template <typename T>
MOULIN_HD T BitXor(T x, T y) {
  return static_cast<T>(x ^ y);
}

template <typename T>
MOULIN_HD uint8_t PopCount(T x) {
  uint8_t count = 0;
  for (auto rest = static_cast<std::make_unsigned_t<T>>(x); rest != 0; rest &= rest - 1) ++count;
  return count;
}

// The distance brought into [0, width of T).
template <typename T>
MOULIN_HD int ShiftDistance(T y) {
  constexpr int kMax = static_cast<int>(sizeof(T)) * 8 - 1;
  if (y < 0) return 0;
  return y > static_cast<T>(kMax) ? kMax : static_cast<int>(y);
}

template <typename T>
MOULIN_HD T ShiftLeft(T x, T y) {
  return static_cast<T>(static_cast<Wrapping<T>>(x) << ShiftDistance(y));
}

// Arithmetic for signed types.
template <typename T>
MOULIN_HD T ShiftRight(T x, T y) {
  return static_cast<T>(x >> ShiftDistance(y));
}

// --- truth

template <typename T>
MOULIN_HD bool IsNan(T x) {
  return x != x;
}
template <typename T>
MOULIN_HD bool IsFinite(T x) {
  return x - x == 0;
}
template <typename T>
MOULIN_HD bool IsInf(T x) {
  return x == x && !(x - x == 0);
}
template <typename T>
MOULIN_HD bool Equal(T x, T y) {
  return x == y;
}
template <typename T>
MOULIN_HD bool NotEqual(T x, T y) {
  return x != y;
}
template <typename T>
MOULIN_HD bool Less(T x, T y) {
  return x < y;
}
template <typename T>
MOULIN_HD bool LessEqual(T x, T y) {
  return x <= y;
}
template <typename T>
MOULIN_HD bool Greater(T x, T y) {
  return x > y;
}
template <typename T>
MOULIN_HD bool GreaterEqual(T x, T y) {
  return x >= y;
}
MOULIN_HD inline bool Not(bool x) { return !x; }
MOULIN_HD inline bool And(bool x, bool y) { return x && y; }
MOULIN_HD inline bool Or(bool x, bool y) { return x || y; }

}  // namespace moulin::scalar

#endif  // MOULIN_KERNELS_SCALAR_ARITHMETIC_H_
