// Weights laid out as libraries want them.
#ifndef MOULIN_CUDA_WEIGHTS_H_
#define MOULIN_CUDA_WEIGHTS_H_

#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin::cuda {

// A filter of TensorFlow's [spatial..., a, b] as [b, spatial..., a].
StatusOr<Tensor> PackFilter(const Tensor& filter);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_WEIGHTS_H_
