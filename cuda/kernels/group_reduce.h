// Combining one value a thread into one a group of threads. For sources of kernels alone.
#ifndef MOULIN_CUDA_KERNELS_GROUP_REDUCE_H_
#define MOULIN_CUDA_KERNELS_GROUP_REDUCE_H_

#include <cstdint>

#include "cuda/kernels/device_code.h"

namespace moulin::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kMaxWarps = 32;  // of a block

// As __shfl_xor_sync over the whole warp, for a value of any size that is a multiple of 4.
template <typename A>
__device__ inline A ShuffleXor(A value, int lane_mask) {
  if constexpr (sizeof(A) <= 8) {
    return __shfl_xor_sync(0xffffffffu, value, lane_mask);
  } else {
    struct Words {
      uint64_t word[sizeof(A) / 8];
    };
    static_assert(sizeof(Words) == sizeof(A));
    Words words = __builtin_bit_cast(Words, value);
    for (uint64_t& word : words.word) {
      word = __shfl_xor_sync(0xffffffffu, static_cast<unsigned long long>(word), lane_mask);
    }
    return __builtin_bit_cast(A, words);
  }
}

// The values of each group of `threads` consecutive threads, combined; every thread of the group gets the result.
// `threads` is a power of two that divides the size of the block, a multiple of 32; all threads of the block call.
// `shared` has a place for each warp of the block, and may be used again at once. `combine` is associative and
// commutative up to rounding; the order is always the same.
template <typename A, typename Combine>
__device__ inline A ReduceGroup(A value, int threads, A* shared, const Combine& combine) {
  for (int mask = (threads < kWarp ? threads : kWarp) / 2; mask > 0; mask /= 2)
    value = combine(value, ShuffleXor(value, mask));
  if (threads <= kWarp) return value;
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warps = threads / kWarp;
  __syncthreads();  // what was there before has been read
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  value = shared[warp / warps * warps + lane % warps];
  for (int mask = warps / 2; mask > 0; mask /= 2) value = combine(value, ShuffleXor(value, mask));
  return value;
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_GROUP_REDUCE_H_
