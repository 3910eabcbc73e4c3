#include "cuda/runtime/cuda_api.h"

#include "base/errors.h"

namespace moulin::cuda {

Status ToStatus(const CudaApi& api, cudaError_t error, absl::string_view what) {
  if (error == cudaSuccess) return absl::OkStatus();
  const ErrorCode code = error == cudaErrorMemoryAllocation ? ErrorCode::kMemory : ErrorCode::kDevice;
  return MakeError(code, what, " failed: ", api.GetErrorName(error), " (", api.GetErrorString(error), ")");
}

bool IsSticky(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace moulin::cuda
