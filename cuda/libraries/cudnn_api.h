// The functions of cuDNN that Moulin calls, found when the library is opened: nothing is linked against it.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_API_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_API_H_

#include <cudnn_graph.h>

#include <memory>
#include <string>
#include <vector>

#include "cuda/libraries/dynamic_library.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Each member has the signature and the meaning of cuDNN's function of that name with "cudnn" before it.
struct CudnnApi {
  std::shared_ptr<const DynamicLibrary> library;
  size_t (*GetVersion)() = nullptr;
  const char* (*GetErrorString)(cudnnStatus_t status) = nullptr;
  void (*GetLastErrorString)(char* message, size_t max_size) = nullptr;
  cudnnStatus_t (*Create)(cudnnHandle_t* handle) = nullptr;
  cudnnStatus_t (*Destroy)(cudnnHandle_t handle) = nullptr;
  cudnnStatus_t (*SetStream)(cudnnHandle_t handle, cudaStream_t stream) = nullptr;
  cudnnStatus_t (*BackendCreateDescriptor)(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) = nullptr;
  cudnnStatus_t (*BackendDestroyDescriptor)(cudnnBackendDescriptor_t descriptor) = nullptr;
  cudnnStatus_t (*BackendFinalize)(cudnnBackendDescriptor_t descriptor) = nullptr;
  cudnnStatus_t (*BackendSetAttribute)(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void* elements) = nullptr;
  cudnnStatus_t (*BackendGetAttribute)(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t requested, int64_t* count,
                                       void* elements) = nullptr;
  cudnnStatus_t (*BackendExecute)(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t variant_pack) = nullptr;

  // Opens libcudnn.so.9. E_DEVICE where it is absent or older than 9.8 (the first that plans without a device).
  static StatusOr<std::shared_ptr<const CudnnApi>> Load(const std::vector<std::string>& directories);

  std::string version() const;  // "cuDNN 9.19.0"
  // OK, or UNIMPLEMENTED (E_UNSUPPORTED) for what cuDNN does not support, else E_DEVICE; with cuDNN's last message.
  Status ToStatus(cudnnStatus_t status, absl::string_view what) const;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_API_H_
