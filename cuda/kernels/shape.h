// Kernels that make arithmetic progressions.
#ifndef MOULIN_CUDA_KERNELS_SHAPE_H_
#define MOULIN_CUDA_KERNELS_SHAPE_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// y[i] = start + i * delta, for scalars on the device; the product is rounded to the type before the sum is made, and
// whole numbers wrap around. (start, delta, y, count)
DeviceFunction<const void*, const void*, void*, int64_t> RangeFunction(DType type);

// `count` numbers from start to stop, both scalars on the device: y[i] = start + i * step, where step =
// (stop - start) / (count - 1) and each product are rounded to the type; the last is stop itself. Floating types.
DeviceFunction<const void*, const void*, void*, int64_t> LinSpaceFunction(DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_SHAPE_H_
