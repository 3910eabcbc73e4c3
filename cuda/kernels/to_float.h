// Numbers of any real type as floats.
#ifndef MOULIN_CUDA_KERNELS_TO_FLOAT_H_
#define MOULIN_CUDA_KERNELS_TO_FLOAT_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"

namespace moulin::cuda {

// Real element types, as far as kernels tell them apart.
enum class RealType {
  kFloat32,
  kFloat64,
  kFloat16,
  kBFloat16,
  kInt8,
  kUInt8,
  kInt16,
  kUInt16,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
};

// y[i] = x[i] rounded to float, for i in [0, n): (x, y, n).
DeviceFunction<const void*, float*, int64_t> ToFloatFunction(RealType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_TO_FLOAT_H_
