// The CPU device: oneDNN and our own vectorised loops, on one pool of threads.
#ifndef MOULIN_DEVICE_HOST_CPU_CPU_DEVICE_H_
#define MOULIN_DEVICE_HOST_CPU_CPU_DEVICE_H_

#include <memory>

#include "device/device.h"

namespace moulin {

// options.threads: the pool's size, 0 for one a core. Results depend on it but on nothing else that runs. Primitives
// and types without a kernel of its own are run by the reference.
std::shared_ptr<Device> NewCpuDevice(const DeviceOptions& options);

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_CPU_CPU_DEVICE_H_
