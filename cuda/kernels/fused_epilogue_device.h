// Device code of FusedEpilogue.
#ifndef MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_DEVICE_H_
#define MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_DEVICE_H_

#include <cmath>
#include <type_traits>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/fused_epilogue.h"
#include "kernels/element.h"

namespace moulin::cuda {

// A NaN stays one, as in the expressions that these stand for.
template <typename C>
__device__ inline C Activate(FusedActivation activation, C x) {
  switch (activation) {
    case FusedActivation::kNone:
      return x;
    case FusedActivation::kRelu:
      return x < C(0) ? C(0) : x;
    case FusedActivation::kRelu6:
      return x < C(0) ? C(0) : (x > C(6) ? C(6) : x);
    case FusedActivation::kSigmoid:
      return C(1) / (C(1) + std::exp(-x));
    case FusedActivation::kTanh:
      return std::tanh(x);
    case FusedActivation::kElu:
      return x < C(0) ? std::expm1(x) : x;
    case FusedActivation::kGeluErf:
      return C(0.5) * x * (C(1) + std::erf(x * C(0.70710678118654752440)));
    case FusedActivation::kGeluTanh:
      return C(0.5) * x * (C(1) + std::tanh(C(0.79788456080286535588) * (x + C(0.044715) * x * x * x)));
    case FusedActivation::kSwish:
      return x / (C(1) + std::exp(-x));
  }
  return x;
}

// What sums of T are kept in: integers modulo 2^32 or 2^64, whose low bits are the result's.
template <typename T>
using SumType =
    std::conditional_t<std::is_integral_v<T>, std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>, ComputeType<T>>;

// The result at `offset`, of column `column`, whose product is `sum`.
template <typename T>
__device__ inline T Finish(const FusedEpilogue& epilogue, SumType<T> sum, int64_t column, int64_t offset) {
  if constexpr (std::is_floating_point_v<ComputeType<T>>) {
    if (epilogue.bias != nullptr) sum += Load(static_cast<const T*>(epilogue.bias)[column]);
    if (epilogue.residual != nullptr) sum += Load(static_cast<const T*>(epilogue.residual)[offset]);
    sum = Activate(epilogue.activation, sum);
  }
  return Store<T>(static_cast<ComputeType<T>>(sum));
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_DEVICE_H_
