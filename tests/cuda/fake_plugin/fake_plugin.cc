// libmoulin_fake_cuda.so: a CUDA plugin whose runtime is the stand-in and whose kernels are emulated. Named by
// MOULIN_CUDA_PLUGIN, it lets `moulin` and bench/gpu/ run end to end with --device cuda on a machine without a GPU.
#include <memory>
#include <string>

#include "cuda/device.h"
#include "device/cuda_plugin.h"
#include "runtime/fake_cuda.h"

#define MOULIN_EXPORT extern "C" __attribute__((visibility("default")))

MOULIN_EXPORT int moulin_cuda_abi() { return moulin::kCudaPluginAbi; }

MOULIN_EXPORT void moulin_cuda_open(const moulin::CudaOpenRequest* request, std::shared_ptr<moulin::Device>* device,
                                    std::string* reason) {
  using namespace moulin;  // NOLINT
  (void)reason;
  if (request->options.plan_only) {
    *device = *cuda::OpenCudaDevice(fake_cuda::Api(), *request);
    return;
  }
  fake_cuda::Options options;
  options.schedule = fake_cuda::Schedule::kImmediate;
  options.device_bytes = size_t{8} << 30;
  fake_cuda::Reset(options);
  *device = std::make_shared<cuda::CudaDevice>(cuda::CudaDeviceInfo("stand-in without a GPU"),
                                               cuda::NewCudaContext(fake_cuda::Api()), request->host_kernels);
}
