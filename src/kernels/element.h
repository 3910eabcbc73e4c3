// Element types as kernels for host and device hold them: float16 and bfloat16 are storage, converted to float before
// any arithmetic and rounded to nearest even after it.
#ifndef MOULIN_KERNELS_ELEMENT_H_
#define MOULIN_KERNELS_ELEMENT_H_

#include <cstdint>
#include <type_traits>

// NVRTC is given no files of the toolkit, so there the conversions are single instructions of PTX.
#if defined(__CUDACC__) && !defined(__CUDACC_RTC__)
#include <cuda_fp16.h>
#endif

#include "kernels/hd.h"

namespace moulin {

namespace element_internal {
// Bits of a float and back, where <bit> may be absent (NVRTC).
MOULIN_HD inline uint32_t BitsOf(float x) { return __builtin_bit_cast(uint32_t, x); }
MOULIN_HD inline float FloatOf(uint32_t bits) { return __builtin_bit_cast(float, bits); }
}  // namespace element_internal

// IEEE 754 binary16.
struct Float16Bits {
  uint16_t bits;

  MOULIN_HD static Float16Bits From(float x) {
#if defined(__CUDACC_RTC__)
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
    return {half};
#elif defined(__CUDA_ARCH__)
    return {__half_as_ushort(__float2half_rn(x))};
#elif defined(__CUDACC__)
    return {static_cast<uint16_t>(__half_raw(__float2half_rn(x)).x)};
#else
    const _Float16 half = static_cast<_Float16>(x);
    Float16Bits result;
    __builtin_memcpy(&result.bits, &half, sizeof(half));
    return result;
#endif
  }
  MOULIN_HD float ToFloat() const {
#if defined(__CUDACC_RTC__)
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
#elif defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(bits));
#elif defined(__CUDACC__)
    __half_raw raw;
    raw.x = bits;
    return __half2float(raw);
#else
    _Float16 half;
    __builtin_memcpy(&half, &bits, sizeof(half));
    return static_cast<float>(half);
#endif
  }
};

// The upper half of a float.
struct BFloat16Bits {
  uint16_t bits;

  MOULIN_HD static BFloat16Bits From(float x) {
#if defined(__CUDA_ARCH__)
#if __CUDA_ARCH__ >= 800
    uint16_t upper;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(upper) : "f"(x));
    return {upper};
#endif
#endif
    const uint32_t u = element_internal::BitsOf(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40u)};  // a NaN stays one
    return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
  }
  MOULIN_HD float ToFloat() const { return element_internal::FloatOf(static_cast<uint32_t>(bits) << 16); }
};

// The type in which elements stored as T are computed: float for the two above, T itself for all others.
template <typename T>
using ComputeType =
    std::conditional_t<std::is_same_v<T, Float16Bits> || std::is_same_v<T, BFloat16Bits>, float, T>;

template <typename T>
MOULIN_HD ComputeType<T> Load(T x) {
  if constexpr (std::is_same_v<ComputeType<T>, T>)
    return x;
  else
    return x.ToFloat();
}

template <typename T>
MOULIN_HD T Store(ComputeType<T> x) {
  if constexpr (std::is_same_v<ComputeType<T>, T>)
    return x;
  else
    return T::From(x);
}

}  // namespace moulin

#endif  // MOULIN_KERNELS_ELEMENT_H_
