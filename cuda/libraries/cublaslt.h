// cuBLASLt as a library of primitives: products of matrices.
#ifndef MOULIN_CUDA_LIBRARIES_CUBLASLT_H_
#define MOULIN_CUDA_LIBRARIES_CUBLASLT_H_

#include <memory>
#include <string>
#include <vector>

#include "cuda/libraries/cublaslt_api.h"
#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

struct CublasLtOptions {
  std::vector<std::string> directories;  // where to look for the library first
  int max_candidates = 6;                // a problem
  int64_t max_workspace_bytes = int64_t{32} << 20;
};

// E_DEVICE where the library or a device is absent: it cannot plan without one.
//
// float32 (strict, or by TF32), float16 and bfloat16 with float32 sums. Epilogues: any of bias and residual with no
// activation, relu or tanh's gelu. Splits of k are added up in float32 in a fixed order.
StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCublasLtLibrary(const CublasLtOptions& options);
// The same by these functions, which may be stand-ins.
StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCublasLtLibrary(std::shared_ptr<const CublasLtApi> api,
                                                                const CublasLtOptions& options);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUBLASLT_H_
