#include "cuda/libraries/cublaslt_api.h"

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {

StatusOr<std::shared_ptr<const CublasLtApi>> CublasLtApi::Load(const std::vector<std::string>& directories) {
  auto api = std::make_shared<CublasLtApi>();
  MOULIN_ASSIGN_OR_RETURN(api->library, DynamicLibrary::Open("libcublasLt.so.13", directories));
  const DynamicLibrary& library = *api->library;
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtGetVersion", &api->GetVersion));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtGetStatusName", &api->GetStatusName));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtCreate", &api->Create));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtDestroy", &api->Destroy));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmul", &api->Matmul));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulDescCreate", &api->MatmulDescCreate));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulDescDestroy", &api->MatmulDescDestroy));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulDescSetAttribute", &api->MatmulDescSetAttribute));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatrixLayoutCreate", &api->MatrixLayoutCreate));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatrixLayoutDestroy", &api->MatrixLayoutDestroy));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatrixLayoutSetAttribute", &api->MatrixLayoutSetAttribute));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulPreferenceCreate", &api->MatmulPreferenceCreate));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulPreferenceDestroy", &api->MatmulPreferenceDestroy));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulPreferenceSetAttribute", &api->MatmulPreferenceSetAttribute));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulAlgoGetHeuristic", &api->MatmulAlgoGetHeuristic));
  MOULIN_RETURN_IF_ERROR(library.Get("cublasLtMatmulAlgoConfigGetAttribute", &api->MatmulAlgoConfigGetAttribute));
  return std::shared_ptr<const CublasLtApi>(std::move(api));
}

Status CublasLtApi::ToStatus(cublasStatus_t status, absl::string_view what) const {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  const bool unsupported = status == CUBLAS_STATUS_NOT_SUPPORTED;
  return MakeError(unsupported ? ErrorCode::kUnsupported : ErrorCode::kDevice, what, ": ", GetStatusName(status));
}

}  // namespace moulin::cuda
