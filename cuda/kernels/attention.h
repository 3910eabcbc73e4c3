// softmax(scale q k^T + mask) v without the matrix of scores (online softmax).
#ifndef MOULIN_CUDA_KERNELS_ATTENTION_H_
#define MOULIN_CUDA_KERNELS_ATTENTION_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

inline constexpr int kMaxAttentionBatchAxes = 8;

// An operand: strides of its rows, columns and batch axes (0: broadcast).
struct AttentionOperand {
  int64_t row = 0, column = 0;
  int64_t batch[kMaxAttentionBatchAxes] = {};
};

// q [m, d], k [n, d], v [n, e], mask [m, n] of each matrix of the batch; y is packed [batch, m, e].
struct AttentionParams {
  int64_t batch = 1, m = 0, n = 0, d = 0, e = 0;
  double scale = 1;
  int batch_axes = 0;  // of sizes whose product is `batch`, outermost first
  int64_t sizes[kMaxAttentionBatchAxes] = {};
  AttentionOperand q, k, v, mask;
};

// A block makes kAttentionRows rows and kAttentionColumns columns of a matrix of y.
inline constexpr int kAttentionThreads = 256;
inline constexpr int kAttentionRows = 32;
inline constexpr int kAttentionColumns = 128;
inline int64_t AttentionBlocks(const AttentionParams& p) {
  return p.batch * ((p.m + kAttentionRows - 1) / kAttentionRows) * ((p.e + kAttentionColumns - 1) / kAttentionColumns);
}

// (q, k, v, mask or null, y, params): floating types. Sums in float, of float64 in double. A row whose scores are all
// -inf gives NaN, as the formula does.
DeviceFunction<const void*, const void*, const void*, const void*, void*, AttentionParams> AttentionFunction(
    DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_ATTENTION_H_
