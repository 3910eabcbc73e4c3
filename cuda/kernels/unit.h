// Elements as plain bits of 1, 2, 4, 8 or 16 bytes, for kernels that only move them. For sources of kernels alone.
#ifndef MOULIN_CUDA_KERNELS_UNIT_H_
#define MOULIN_CUDA_KERNELS_UNIT_H_

#include <cstdint>

#include "cuda/kernels/device_code.h"

namespace moulin::cuda {

using Unit1 = uint8_t;
using Unit2 = uint16_t;
using Unit4 = uint32_t;
using Unit8 = uint64_t;
using Unit16 = uint4;  // one access of 128 bits

// Gives the function that `f` makes for the unit type of this size; none for another size.
template <typename Function, typename F>
Function ForUnit(int64_t bytes, F f) {
  switch (bytes) {
    case 1:
      return f(Unit1());
    case 2:
      return f(Unit2());
    case 4:
      return f(Unit4());
    case 8:
      return f(Unit8());
    case 16:
      return f(Unit16());
    default:
      return {};
  }
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_UNIT_H_
