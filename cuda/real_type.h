// Element types as kernels tell them apart.
#ifndef MOULIN_CUDA_REAL_TYPE_H_
#define MOULIN_CUDA_REAL_TYPE_H_

#include <optional>

#include "cuda/kernels/to_float.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// Quantised types are taken as plain integers; none for bool, complex numbers and what has no fixed size.
std::optional<RealType> RealTypeOf(DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_REAL_TYPE_H_
