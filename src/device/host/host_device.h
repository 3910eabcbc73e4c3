// What the devices on the host share: streams that are threads, events, and executables that call HostKernels.
#ifndef MOULIN_DEVICE_HOST_HOST_DEVICE_H_
#define MOULIN_DEVICE_HOST_HOST_DEVICE_H_

#include <memory>

#include "device/device.h"
#include "device/host/constant_registry.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

// A device derives from it and says how it prepares a node. Thread-safe.
class HostDevice : public Device {
 public:
  explicit HostDevice(DeviceInfo info);

  const DeviceInfo& info() const override { return info_; }
  // Host threads have no priorities: `priority` does nothing.
  StatusOr<std::unique_ptr<Stream>> NewStream(int priority) override;
  StatusOr<std::unique_ptr<Event>> NewEvent() override;
  std::unique_ptr<Stream> NewCallerStream() override;
  StatusOr<std::shared_ptr<Executable>> Load(std::shared_ptr<const Plan> plan) override;
  // The constants of loaded executables, each block of memory once. A device that packs weights adds theirs.
  int64_t constant_bytes() const override;

  // Calls PrepareKernel, except where an operand that decides a shape is computed rather than constant (then the
  // shapes are known by inference alone): that node is run by the reference.
  StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph& graph, const Node& node) final;

 protected:
  // A HostKernel for `node`: the input types are concrete, the operands marked * in ir/op_kind.h are constants.
  // Outputs of unknown shape are those that depend on elements (Where, Unique). Where the device has no kernel of its
  // own it returns PrepareReference(graph, node).
  virtual StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) = 0;

 private:
  DeviceInfo info_;
  std::shared_ptr<ConstantRegistry> constants_;
};

// "reference": every node by its OpDef's reference kernel, on one thread; exact and slow.
std::shared_ptr<Device> NewReferenceDevice();

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_HOST_DEVICE_H_
