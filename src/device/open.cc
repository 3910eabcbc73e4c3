#include "base/errors.h"
#include "device/cuda_plugin.h"
#include "device/device.h"
#include "device/host/cpu/cpu_device.h"
#include "device/host/host_device.h"

namespace moulin {

StatusOr<std::shared_ptr<Device>> Device::Partition(int multiprocessors) {
  return MakeError(ErrorCode::kDevice, "device \"", info().name, "\" cannot be split: ", multiprocessors,
                   " multiprocessors were asked for, which a GPU has");
}

StatusOr<std::shared_ptr<Device>> OpenDevice(const std::string& name, const DeviceOptions& options) {
  if (name == "reference") return NewReferenceDevice();
  if (name == "cpu") return NewCpuDevice(options);
  if (name == "cuda") return OpenCudaDevice(options);
  if (name == "auto") {
    StatusOr<std::shared_ptr<Device>> cuda = OpenCudaDevice(options);
    return cuda.ok() ? cuda : NewCpuDevice(options);
  }
  return MakeError(ErrorCode::kOption, "unknown device \"", Printable(name),
                   "\"; expected \"cpu\", \"reference\", \"cuda\" or \"auto\"");
}

std::string CudaUnavailableReason() {
  static const std::string reason = std::string(OpenCudaDevice({}).status().message());
  return reason;
}

}  // namespace moulin
