#include "device/host/host_device.h"

#include <utility>

#include "device/host/executable.h"
#include "device/host/reference_kernel.h"
#include "device/host/stream.h"
#include "ops/op_def.h"

namespace moulin {

HostDevice::HostDevice(DeviceInfo info) : info_(std::move(info)), constants_(std::make_shared<ConstantRegistry>()) {}

StatusOr<std::unique_ptr<Stream>> HostDevice::NewStream(int) { return std::make_unique<ThreadStream>(); }

StatusOr<std::unique_ptr<Event>> HostDevice::NewEvent() { return std::make_unique<HostEvent>(); }

std::unique_ptr<Stream> HostDevice::NewCallerStream() { return std::make_unique<CallerStream>(); }

StatusOr<std::shared_ptr<Executable>> HostDevice::Load(std::shared_ptr<const Plan> plan) {
  return LoadOnHost(std::move(plan), constants_);
}

int64_t HostDevice::constant_bytes() const { return constants_->bytes(); }

StatusOr<std::shared_ptr<const Kernel>> HostDevice::Prepare(const Graph& graph, const Node& node) {
  const InputMask shape_inputs = GetOpDef(node.kind).shape_inputs;
  for (size_t i = 0; i < node.inputs.size() && i < 64; ++i) {
    const bool decides_shape = (shape_inputs & Input(static_cast<int>(i))) != 0;
    if (decides_shape && !graph.value(node.inputs[i]).is_constant()) return PrepareReference(graph, node);
  }
  return PrepareKernel(graph, node);
}

}  // namespace moulin
