#include "device/host/host_device.h"
#include "device/host/reference_kernel.h"

namespace moulin {
namespace {

class ReferenceDevice : public HostDevice {
 public:
  ReferenceDevice() : HostDevice({"reference", "1 thread, nested loops", /*max_lanes=*/1}) {}

 protected:
  StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) override {
    return PrepareReference(graph, node);
  }
};

}  // namespace

std::shared_ptr<Device> NewReferenceDevice() { return std::make_shared<ReferenceDevice>(); }

}  // namespace moulin
