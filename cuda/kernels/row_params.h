// What kernels that normalise rows are told.
#ifndef MOULIN_CUDA_KERNELS_ROW_PARAMS_H_
#define MOULIN_CUDA_KERNELS_ROW_PARAMS_H_

#include <cstdint>

namespace moulin::cuda {

// x is [rows, size], normalised along its rows; y may be x. Each row is one group's of `threads` threads of a block, a
// power of two that divides the size of the block, a multiple of 32. A kernel for rows in registers holds some words in
// each thread; it is given rows of at most as many elements as all threads of the group hold. The other one reads rows
// of any length three times.
struct RowParams {
  int64_t rows = 0;
  int64_t size = 0;
  int threads = 32;
  bool is_log = false;  // of softmax
  double epsilon = 0;   // of layer norm
};

inline constexpr int kRowWords = 4;         // in registers of a thread
inline constexpr int kMaxRowThreads = 512;  // of a group, and of a block

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_ROW_PARAMS_H_
