// The loops of casts; instantiated by target type in map_blocks_cast_*.cc.
#ifndef MOULIN_OPS_MAP_BLOCKS_CAST_H_
#define MOULIN_OPS_MAP_BLOCKS_CAST_H_

#include <type_traits>

#include "kernels/scalar_cast.h"
#include "ops/map_blocks.h"

namespace moulin {
namespace internal {

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename F>
inline constexpr bool kIsComplex<std::complex<F>> = true;

template <typename To, typename From>
To CastElement(From x) {
  if constexpr (kIsComplex<To> && kIsComplex<From>) {
    return static_cast<To>(x);
  } else if constexpr (kIsComplex<From>) {
    return scalar::Cast<To>(x.real());
  } else if constexpr (kIsComplex<To>) {
    return To(static_cast<typename To::value_type>(x));
  } else {
    return scalar::Cast<To>(x);
  }
}

template <typename To, typename From>
void CastBlock(const void* const* args, void* out, int n) {
  const auto* x = static_cast<const From*>(args[0]);
  auto* y = static_cast<To*>(out);
  for (int i = 0; i < n; ++i) y[i] = CastElement<To>(x[i]);
}

template <typename To, typename From>
void SaturatingCastBlock(const void* const* args, void* out, int n) {
  const auto* x = static_cast<const From*>(args[0]);
  auto* y = static_cast<To*>(out);
  for (int i = 0; i < n; ++i) y[i] = scalar::SaturatingCast<To>(x[i]);
}

template <typename To, typename From>
BlockFn PickCast(bool saturating) {
  if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool> && !kIsComplex<From>) {
    if (saturating) return &SaturatingCastBlock<To, From>;
  }
  return &CastBlock<To, From>;
}

}  // namespace internal

template <typename To>
BlockFn FindCastBlockTo(DType from, bool saturating) {
  switch (from) {
    case DType::kFloat32:
      return internal::PickCast<To, float>(saturating);
    case DType::kFloat64:
      return internal::PickCast<To, double>(saturating);
    case DType::kInt8:
      return internal::PickCast<To, int8_t>(saturating);
    case DType::kInt16:
      return internal::PickCast<To, int16_t>(saturating);
    case DType::kInt32:
      return internal::PickCast<To, int32_t>(saturating);
    case DType::kInt64:
      return internal::PickCast<To, int64_t>(saturating);
    case DType::kUInt8:
      return internal::PickCast<To, uint8_t>(saturating);
    case DType::kUInt16:
      return internal::PickCast<To, uint16_t>(saturating);
    case DType::kUInt32:
      return internal::PickCast<To, uint32_t>(saturating);
    case DType::kUInt64:
      return internal::PickCast<To, uint64_t>(saturating);
    case DType::kBool:
      return internal::PickCast<To, bool>(saturating);
    case DType::kComplex64:
      return internal::PickCast<To, std::complex<float>>(saturating);
    case DType::kComplex128:
      return internal::PickCast<To, std::complex<double>>(saturating);
    default:
      return nullptr;
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_MAP_BLOCKS_CAST_H_
