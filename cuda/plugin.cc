// What libmoulin_cuda.so exports; see src/device/cuda_plugin.h.
#include <memory>
#include <string>

#include "cuda/device.h"
#include "cuda/runtime/cuda_api.h"
#include "device/cuda_plugin.h"

#define MOULIN_EXPORT extern "C" __attribute__((visibility("default")))

MOULIN_EXPORT int moulin_cuda_abi() { return moulin::kCudaPluginAbi; }

MOULIN_EXPORT void moulin_cuda_open(const moulin::CudaOpenRequest* request, std::shared_ptr<moulin::Device>* device,
                                    std::string* reason) {
  moulin::StatusOr<std::shared_ptr<moulin::Device>> opened =
      moulin::cuda::OpenCudaDevice(moulin::cuda::RealCudaApi(), *request);
  if (opened.ok()) {
    *device = *std::move(opened);
  } else {
    *reason = std::string(opened.status().message());
  }
}
