// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_api.h"

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

constexpr size_t kOldestVersion = 90800;

// cuDNN opens these by name when it first compiles a fused kernel or multiplies matrices. Once they are loaded from
// where we look, the dynamic linker finds them there. Their absence shows when cuDNN needs them.
void LoadDependencies(const std::vector<std::string>& directories) {
  for (const char* soname : {"libcublasLt.so.13", "libcublas.so.13", "libnvrtc.so.13"}) {
    DynamicLibrary::Open(soname, directories).IgnoreError();
  }
}

}  // namespace

StatusOr<std::shared_ptr<const CudnnApi>> CudnnApi::Load(const std::vector<std::string>& directories) {
  LoadDependencies(directories);
  auto api = std::make_shared<CudnnApi>();
  MOULIN_ASSIGN_OR_RETURN(api->library, DynamicLibrary::Open("libcudnn.so.9", directories));
  const DynamicLibrary& library = *api->library;
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnGetVersion", &api->GetVersion));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnGetErrorString", &api->GetErrorString));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnGetLastErrorString", &api->GetLastErrorString));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnCreate", &api->Create));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnDestroy", &api->Destroy));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnSetStream", &api->SetStream));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendCreateDescriptor", &api->BackendCreateDescriptor));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendDestroyDescriptor", &api->BackendDestroyDescriptor));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendFinalize", &api->BackendFinalize));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendSetAttribute", &api->BackendSetAttribute));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendGetAttribute", &api->BackendGetAttribute));
  MOULIN_RETURN_IF_ERROR(library.Get("cudnnBackendExecute", &api->BackendExecute));
  if (api->GetVersion() < kOldestVersion) {
    return MakeError(ErrorCode::kDevice, library.path(), " is ", api->version(), ": expected 9.8 or newer");
  }
  return std::shared_ptr<const CudnnApi>(std::move(api));
}

std::string CudnnApi::version() const {
  const size_t v = GetVersion();
  return absl::StrCat("cuDNN ", v / 10000, ".", v / 100 % 100, ".", v % 100);
}

Status CudnnApi::ToStatus(cudnnStatus_t status, absl::string_view what) const {
  if (status == CUDNN_STATUS_SUCCESS) return absl::OkStatus();
  char message[512] = "";
  GetLastErrorString(message, sizeof(message));
  const bool unsupported = CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED;
  return MakeError(unsupported ? ErrorCode::kUnsupported : ErrorCode::kDevice, what, ": ", GetErrorString(status), " ",
                   Printable(message, sizeof(message)));
}

}  // namespace moulin::cuda
