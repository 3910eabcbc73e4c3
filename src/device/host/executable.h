// Plans made ready on the host.
#ifndef MOULIN_DEVICE_HOST_EXECUTABLE_H_
#define MOULIN_DEVICE_HOST_EXECUTABLE_H_

#include <memory>

#include "device/device.h"
#include "device/host/constant_registry.h"

namespace moulin {

// Takes a plan whose kernels are all HostKernels (INTERNAL otherwise); its executions are launched on HostStreams.
// The plan's constants are counted in `constants` as long as the executable lives.
StatusOr<std::shared_ptr<Executable>> LoadOnHost(std::shared_ptr<const Plan> plan,
                                                 std::shared_ptr<ConstantRegistry> constants);

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_EXECUTABLE_H_
