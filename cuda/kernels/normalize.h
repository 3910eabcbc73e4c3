// Softmax and normalisations. Floats of 16 and 32 bits are computed in float, doubles in double.
#ifndef MOULIN_CUDA_KERNELS_NORMALIZE_H_
#define MOULIN_CUDA_KERNELS_NORMALIZE_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// x is [rows, size], normalised along its rows; y may be x. Each row is one group's of `threads` threads of a block, a
// power of two that divides the size of the block, a multiple of 32. A kernel for rows in registers holds
// RowElementsAThread elements in each thread; it is given rows of at most as many elements as all threads of the group
// hold. The other one reads rows of any length three times.
struct RowParams {
  int64_t rows = 0;
  int64_t size = 0;
  int threads = 32;
  bool is_log = false;  // of softmax
  double epsilon = 0;   // of layer norm
};

inline constexpr int kRowWords = 4;         // of 16 bytes, in registers of a thread
inline constexpr int kMaxRowThreads = 512;  // of a group, and of a block

// (x, y, params)
using SoftmaxFunction = DeviceFunction<const void*, void*, RowParams>;
// (x, scale, offset, y, params)
using LayerNormFunction = DeviceFunction<const void*, const void*, const void*, void*, RowParams>;

template <typename Function>
struct RowFunctions {
  Function short_rows;  // in registers, one word a thread
  Function rows;        // in registers, kRowWords words a thread
  Function long_rows;   // of any length
};

// Null functions for types that are not covered.
RowFunctions<SoftmaxFunction> SoftmaxFunctionsFor(DType type);
// The parameters have the type of x, or float32 where that has 16 bits.
RowFunctions<LayerNormFunction> LayerNormFunctionsFor(DType type, DType parameter);

// x is [..., channels, inner] of `elements` elements.
struct BatchNormParams {
  int64_t elements = 0;
  int64_t channels = 1;
  int64_t inner = 1;
  double epsilon = 0;
};
// (x, scale, offset, mean, variance, y, params)
DeviceFunction<const void*, const void*, const void*, const void*, const void*, void*, BatchNormParams>
BatchNormFunction(DType type, DType parameter);

struct LocalResponseNormParams {
  int64_t elements = 0;
  int64_t channels = 1;  // the innermost axis
  int64_t radius = 0;
  double bias = 1, alpha = 1, beta = 0.5;
};
// (x, y, params); y is not x.
DeviceFunction<const void*, void*, LocalResponseNormParams> LocalResponseNormFunction(DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_NORMALIZE_H_
