// Finds and opens the CUDA device, which lives in a library of its own (libmoulin_cuda.so) so that the rest runs on
// machines without CUDA.
#ifndef MOULIN_DEVICE_CUDA_PLUGIN_H_
#define MOULIN_DEVICE_CUDA_PLUGIN_H_

#include <memory>
#include <string>

#include "device/device.h"
#include "moulin/status.h"

namespace moulin {

// What the plugin is asked to open.
struct CudaOpenRequest {
  DeviceOptions options;
  // Runs what the GPU has no kernel for: gives HostKernels (device/host/host_kernel.h).
  std::shared_ptr<KernelSource> host_kernels;
};

// What the plugin exports, as C functions:
//   int moulin_cuda_abi()    the number below that it was built with; anything else is refused
//   void moulin_cuda_open(const moulin::CudaOpenRequest*, std::shared_ptr<moulin::Device>* device, std::string* reason)
//                            sets `device`, or the reason why there is none
// The number changes whenever a header of src/device, src/plan, src/ir, src/base or include/moulin changes a type.
inline constexpr int kCudaPluginAbi = 6;

// Looks in $MOULIN_CUDA_PLUGIN (a file; nowhere else if set), beside the executable, in ../lib from there, and then
// where the dynamic linker looks. UNAVAILABLE with the reason. Thread-safe.
StatusOr<std::shared_ptr<Device>> OpenCudaDevice(const DeviceOptions& options);

}  // namespace moulin

#endif  // MOULIN_DEVICE_CUDA_PLUGIN_H_
