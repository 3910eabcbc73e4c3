// Division by a number that the host knows: a multiplication and a shift where 31 bits suffice.
#ifndef MOULIN_CUDA_KERNELS_DIVISOR_H_
#define MOULIN_CUDA_KERNELS_DIVISOR_H_

#include <cstdint>

#include "kernels/hd.h"

namespace moulin::cuda {

// For numerators >= 0 and divisors >= 1. Source: Granlund and Montgomery, "Division by invariant integers using
// multiplication" (1994), figure 4.1; for 31 bits the sum in Quotient does not overflow.
struct Divisor {
  int64_t value = 1;
  uint32_t magic = 1;
  uint32_t shift = 0;

  Divisor() = default;
  explicit Divisor(int64_t divisor) : value(divisor) {
    if (divisor >> 31 != 0) return;
    while ((int64_t{1} << shift) < divisor) ++shift;
    magic = static_cast<uint32_t>(
        (((uint64_t{1} << shift) - static_cast<uint64_t>(divisor)) << 32) / static_cast<uint64_t>(divisor) + 1);
  }
  MOULIN_HD int64_t Quotient(int64_t n) const {
    if (((n | value) >> 31) != 0) return n / value;
    const uint32_t low = static_cast<uint32_t>(n);
    return (static_cast<uint32_t>((static_cast<uint64_t>(low) * magic) >> 32) + low) >> shift;
  }
  // Gives the remainder and leaves the quotient in *n.
  MOULIN_HD int64_t Split(int64_t* n) const {
    const int64_t quotient = Quotient(*n);
    const int64_t remainder = *n - quotient * value;
    *n = quotient;
    return remainder;
  }
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_DIVISOR_H_
