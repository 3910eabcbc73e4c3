// The functions of cuBLASLt that Moulin calls, found when the library is opened: nothing is linked against it.
#ifndef MOULIN_CUDA_LIBRARIES_CUBLASLT_API_H_
#define MOULIN_CUDA_LIBRARIES_CUBLASLT_API_H_

#include <cublasLt.h>

#include <memory>
#include <string>
#include <vector>

#include "cuda/libraries/dynamic_library.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Each member has the type and the meaning of cuBLASLt's function of that name with "cublasLt" before it.
struct CublasLtApi {
  std::shared_ptr<const DynamicLibrary> library;
  decltype(&cublasLtGetVersion) GetVersion = nullptr;
  decltype(&cublasLtGetStatusName) GetStatusName = nullptr;
  decltype(&cublasLtCreate) Create = nullptr;
  decltype(&cublasLtDestroy) Destroy = nullptr;
  decltype(&cublasLtMatmul) Matmul = nullptr;
  decltype(&cublasLtMatmulDescCreate) MatmulDescCreate = nullptr;
  decltype(&cublasLtMatmulDescDestroy) MatmulDescDestroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) MatmulDescSetAttribute = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) MatrixLayoutCreate = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) MatrixLayoutDestroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) MatrixLayoutSetAttribute = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) MatmulPreferenceCreate = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) MatmulPreferenceDestroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) MatmulPreferenceSetAttribute = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) MatmulAlgoGetHeuristic = nullptr;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) MatmulAlgoConfigGetAttribute = nullptr;

  // Opens libcublasLt.so.13. E_DEVICE where it is absent.
  static StatusOr<std::shared_ptr<const CublasLtApi>> Load(const std::vector<std::string>& directories);

  Status ToStatus(cublasStatus_t status, absl::string_view what) const;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUBLASLT_API_H_
