// Batched products of matrices.
#ifndef MOULIN_CUDA_KERNELS_CONTRACT_H_
#define MOULIN_CUDA_KERNELS_CONTRACT_H_

#include <cstdint>

#include "cuda/kernels/fused_epilogue.h"
#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

inline constexpr int kMaxBatchAxes = 8;

// y[i...] = a[i...] b[i...], where batch axes have strides of their own in a and b (0: broadcast). y is packed.
struct ContractParams {
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0, a_column = 0;  // strides
  int64_t b_row = 0, b_column = 0;
  int64_t batch = 1;
  int batch_axes = 0;  // of sizes whose product is `batch`, outermost first
  int64_t sizes[kMaxBatchAxes] = {};
  int64_t a_strides[kMaxBatchAxes] = {}, b_strides[kMaxBatchAxes] = {};
};

// (a, b, y, params, epilogue). Threads: kGemmThreads; blocks: any number, one a tile of 64 x 64 at best. Sums in float,
// double or modulo 2^bits, for int8 also of 32 bits as `product` (else `type` again) says; null for complex types.
DeviceFunction<const void*, const void*, void*, ContractParams, FusedEpilogue> ContractFunction(DType type,
                                                                                                DType product);
// For few rows: (the same). A block makes 32 columns of one row; 256 threads. Floating types alone.
DeviceFunction<const void*, const void*, void*, ContractParams, FusedEpilogue> ContractRowFunction(DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_CONTRACT_H_
