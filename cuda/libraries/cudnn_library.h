// cuDNN as a library of primitives.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_LIBRARY_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_LIBRARY_H_

#include <memory>
#include <string>
#include <vector>

#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

struct CudnnOptions {
  // Where to look for the library first.
  std::vector<std::string> directories;
  // Empty: the current device is used. Else plans are made for a device of these properties (as cuDNN prints them,
  // CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION) that need not be there; they cannot be enqueued.
  std::string device_properties_json;
  // Where compiled plans are kept between processes; empty: nowhere. `device` is a part of their keys, beside cuDNN's
  // version and the problem: whatever else a plan depends on.
  std::string cache_directory;
  std::string device;
  // At most so many candidates a problem.
  int max_candidates = 8;
};

// E_DEVICE where cuDNN is absent, too old, or there is no device and no properties of one are given.
//
// Convolution: float32, float16, bfloat16 with float32 sums; 1 to 3 spatial axes. A transposed convolution takes no
// epilogue. Matmul: the same types. Attention: float16 and bfloat16. Candidates are deterministic; those for strict
// float32 (allow_tf32 false) use no tensor cores.
StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCudnnLibrary(const CudnnOptions& options);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_LIBRARY_H_
