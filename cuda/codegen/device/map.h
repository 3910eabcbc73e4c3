// What generated elementwise kernels (codegen/map_source.cc) are made of: reading and writing several elements at once.
// Compiled by NVRTC, and by a host compiler in tests.
#ifndef MOULIN_CUDA_CODEGEN_DEVICE_MAP_H_
#define MOULIN_CUDA_CODEGEN_DEVICE_MAP_H_

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif

#include <cstdint>

#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"
#include "kernels/scalar_cast.h"

namespace moulin::map {

// How elements of type T lie in memory (Stored) and in registers (Held).
template <typename T>
struct Element {
  using Stored = T;
  using Held = ComputeType<T>;
  MOULIN_HD static Held Hold(Stored x) { return Load(x); }
  MOULIN_HD static Stored Keep(Held x) { return Store<T>(x); }
};
template <>
struct Element<bool> {
  using Stored = uint8_t;
  using Held = bool;
  MOULIN_HD static Held Hold(Stored x) { return x != 0; }
  MOULIN_HD static Stored Keep(Held x) { return x; }
};
template <typename T>
using Stored = typename Element<T>::Stored;
template <typename T>
using Held = typename Element<T>::Held;

// What is read or written by one instruction.
template <int kBytes>
struct Word;
template <>
struct Word<1> {
  uint8_t x;
};
template <>
struct Word<2> {
  uint16_t x;
};
template <>
struct Word<4> {
  uint32_t x;
};
template <>
struct alignas(8) Word<8> {
  uint32_t x, y;
};
template <>
struct alignas(16) Word<16> {
  uint32_t x, y, z, w;
};
template <typename T, int kCount>
struct StoredArray {
  Stored<T> v[kCount];
};

template <typename T, int kCount>
MOULIN_HD inline bool IsAligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % (sizeof(Stored<T>) * kCount) == 0;
}

template <typename T, typename Index>
MOULIN_HD inline Held<T> Read(const void* x, Index i) {
  return Element<T>::Hold(static_cast<const Stored<T>*>(x)[i]);
}

// v = x[first, first + kCount), by one instruction: `first` is a multiple of kCount, x aligned to as many elements.
template <typename T, int kCount, typename Index>
MOULIN_HD inline void ReadWord(const void* x, Index first, Held<T> (&v)[kCount]) {
  using W = Word<static_cast<int>(sizeof(Stored<T>)) * kCount>;
  const auto array = __builtin_bit_cast(StoredArray<T, kCount>, static_cast<const W*>(x)[first / kCount]);
  for (int k = 0; k < kCount; ++k) v[k] = Element<T>::Hold(array.v[k]);
}

// v = x[first, first + kCount), of which those from x[n] on are not read: x[n - 1] takes their place. By one
// instruction where `words`, which says that x is aligned, allows it.
template <typename T, int kCount, typename Index>
MOULIN_HD inline void ReadSome(const void* x, Index first, Index n, bool words, Held<T> (&v)[kCount]) {
  if (words && first + kCount <= n) return ReadWord<T, kCount>(x, first, v);
  for (int k = 0; k < kCount; ++k) v[k] = Read<T>(x, first + k < n ? first + k : n - 1);
}

// The reverse of ReadSome.
template <typename T, int kCount, typename Index>
MOULIN_HD inline void WriteSome(void* y, Index first, Index n, bool words, const Held<T> (&v)[kCount]) {
  if (words && first + kCount <= n) {
    using W = Word<static_cast<int>(sizeof(Stored<T>)) * kCount>;
    StoredArray<T, kCount> array;
    for (int k = 0; k < kCount; ++k) array.v[k] = Element<T>::Keep(v[k]);
    static_cast<W*>(y)[first / kCount] = __builtin_bit_cast(W, array);
    return;
  }
  for (int k = 0; k < kCount; ++k) {
    if (first + k < n) static_cast<Stored<T>*>(y)[first + k] = Element<T>::Keep(v[k]);
  }
}

// To the nearest number that the type has.
MOULIN_HD inline float RoundToFloat16(float x) { return Float16Bits::From(x).ToFloat(); }
MOULIN_HD inline float RoundToBFloat16(float x) { return BFloat16Bits::From(x).ToFloat(); }

MOULIN_HD inline float FloatOf(uint32_t bits) { return __builtin_bit_cast(float, bits); }
MOULIN_HD inline double DoubleOf(uint64_t bits) { return __builtin_bit_cast(double, bits); }

}  // namespace moulin::map

#endif  // MOULIN_CUDA_CODEGEN_DEVICE_MAP_H_
