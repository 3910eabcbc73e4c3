// Stands for cuDNN and cuBLASLt where plans are only looked at.
#ifndef MOULIN_CUDA_LIBRARIES_PLANNING_LIBRARY_H_
#define MOULIN_CUDA_LIBRARIES_PLANNING_LIBRARY_H_

#include <memory>

#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

// Answers every problem that the libraries are known to take (float32, float16, bfloat16) with one candidate, named
// after the library, that cannot be enqueued: E_DEVICE. Which of the library's engines runs is settled on the GPU.
std::shared_ptr<PrimitiveLibrary> MakePlanningLibrary();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_PLANNING_LIBRARY_H_
