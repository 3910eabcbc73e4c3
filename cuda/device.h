// The CUDA device.
#ifndef MOULIN_CUDA_DEVICE_H_
#define MOULIN_CUDA_DEVICE_H_

#include <memory>
#include <string>

#include "cuda/executable.h"
#include "cuda/kernel_factory.h"
#include "cuda/runtime/cuda_api.h"
#include "device/cuda_plugin.h"
#include "device/device.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Thread-safe. Kernels that it lacks are the host's; the planner copies their operands.
class CudaDevice : public Device {
 public:
  // `context` holds what makes kernels (its members api and constants set); `host_kernels` gives HostKernels.
  CudaDevice(DeviceInfo info, std::shared_ptr<CudaContext> context, std::shared_ptr<KernelSource> host_kernels);

  const DeviceInfo& info() const override { return info_; }
  StatusOr<std::unique_ptr<Stream>> NewStream(int priority) override;
  StatusOr<std::unique_ptr<Event>> NewEvent() override;
  std::unique_ptr<Stream> NewCallerStream() override;
  // A CudaKernel where there is one for the node, else a HostKernel.
  StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph& graph, const Node& node) override;
  StatusOr<std::shared_ptr<Device>> Partition(int multiprocessors) override;
  StatusOr<std::shared_ptr<Executable>> Load(std::shared_ptr<const Plan> plan) override;
  int64_t constant_bytes() const override { return context_->constants->bytes(); }

 private:
  // Null where the device has no kernel for the node.
  StatusOr<KernelPtr> MakeKernel(const KernelRequest& request);

  const DeviceInfo info_;
  const std::shared_ptr<CudaContext> context_;
  const std::shared_ptr<KernelSource> host_kernels_;
};

// What a CUDA device says of itself.
DeviceInfo CudaDeviceInfo(std::string description);

// Opens the machine's first GPU (CUDA_VISIBLE_DEVICES chooses), with cuDNN, cuBLASLt and NVRTC as far as they are
// there. UNAVAILABLE with the reason where there is none that Moulin can use: no driver, the toolkit's stand-in for
// one, a driver that is too old, no device, a device of an older generation, cuDNN absent. With options.plan_only no
// GPU is looked for.
StatusOr<std::shared_ptr<Device>> OpenCudaDevice(const CudaApi& api, const CudaOpenRequest& request);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_DEVICE_H_
