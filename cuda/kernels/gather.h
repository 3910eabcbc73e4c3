// Kernels that move elements to where indices in the device's memory say. Units are as in kernels/movement.h. An index
// out of range gives zeros, as TensorFlow has it on a GPU (on the CPU it is an error).
#ifndef MOULIN_CUDA_KERNELS_GATHER_H_
#define MOULIN_CUDA_KERNELS_GATHER_H_

#include <cstdint>

#include "cuda/kernels/divisor.h"
#include "cuda/kernels/index_type.h"
#include "cuda/runtime/device_function.h"
#include "kernels/index_map.h"

namespace moulin::cuda {

// x [batches, outer, size, inner], indices [batches, count] -> y [batches, outer, count, inner].
struct GatherParams {
  IndexType index_type;
  int64_t units;  // of y
  int64_t size;
  Divisor inner, count, outer;
};
DeviceFunction<const void*, const void*, void*, GatherParams> GatherFunction(int64_t unit_bytes);

// x [batches, sizes..., inner], indices [batches, rows, depth] -> y [batches, rows, inner]; the sizes are `depth`.
struct GatherNdParams {
  IndexType index_type;
  int depth;
  int64_t units;         // of y
  int64_t batch_stride;  // units of x a batch
  Divisor inner, rows;
  int64_t sizes[kMaxMapRank] = {};
};
DeviceFunction<const void*, const void*, void*, GatherNdParams> GatherNdFunction(int64_t unit_bytes);

// indices [outer, inner] -> y [outer, depth, inner], which is *on where the index is the place along depth, else *off.
struct OneHotParams {
  IndexType index_type;
  int64_t elements;  // of y
  Divisor inner, depth;
};
DeviceFunction<const void*, const void*, const void*, void*, OneHotParams> OneHotFunction(int64_t element_bytes);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_GATHER_H_
