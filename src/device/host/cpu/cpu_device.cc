#include "device/host/cpu/cpu_device.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "device/host/cpu/kernel_factory.h"
#include "device/host/host_device.h"
#include "device/host/reference_kernel.h"

namespace moulin {
namespace cpu {

namespace {

// What makes the kernel of each primitive; the primitives not listed are run by the reference.
KernelFactory FactoryFor(OpKind kind) {
  switch (kind) {
    case OpKind::kMap:
      return MakeMapKernel;
    case OpKind::kContract:
      return MakeContractKernel;
    case OpKind::kConv:
      return MakeConvKernel;
    case OpKind::kConvTranspose:
      return MakeConvTransposeKernel;
    case OpKind::kPool:
      return MakePoolKernel;
    case OpKind::kSoftmax:
      return MakeSoftmaxKernel;
    case OpKind::kLayerNorm:
      return MakeLayerNormKernel;
    case OpKind::kBatchNorm:
      return MakeBatchNormKernel;
    case OpKind::kReduce:
      return MakeReduceKernel;
    case OpKind::kArgReduce:
      return MakeArgReduceKernel;
    case OpKind::kAttention:
      return MakeAttentionKernel;
    case OpKind::kResize:
      return MakeResizeKernel;
    case OpKind::kGather:
      return MakeGatherKernel;
    case OpKind::kTranspose:
    case OpKind::kDepthToSpace:
    case OpKind::kSpaceToDepth:
    case OpKind::kSlice:
    case OpKind::kStridedSlice:
    case OpKind::kBroadcast:
    case OpKind::kTile:
    case OpKind::kReverse:
    case OpKind::kConcat:
    case OpKind::kSplit:
    case OpKind::kPad:
      return MakeMovementKernel;
    default:
      return nullptr;
  }
}

// oneDNN's headers throw; nothing else here does.
StatusOr<KernelPtr> CallFactory(KernelFactory factory, const KernelRequest& request) {
  return request.context->pool.Run([&]() -> StatusOr<KernelPtr> {
    try {
      return factory(request);
    } catch (const dnnl::error&) {
      return KernelPtr();  // the reference takes what oneDNN refuses
    }
  });
}

bool ShapesAreKnown(const Graph& graph, const Node& node) {
  for (ValueId output : node.outputs) {
    if (!graph.value(output).type.shape.IsFullyKnown()) return false;
  }
  return true;
}

class CpuDevice : public HostDevice {
 public:
  CpuDevice(DeviceInfo info, int threads)
      : HostDevice(std::move(info)), context_(std::make_shared<CpuContext>(threads)) {}

  int64_t constant_bytes() const override { return HostDevice::constant_bytes() + context_->constants.bytes(); }

 protected:
  StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) override {
    const KernelFactory factory = FactoryFor(node.kind);
    if (factory != nullptr && ShapesAreKnown(graph, node)) {
      MOULIN_ASSIGN_OR_RETURN(KernelPtr kernel, CallFactory(factory, KernelRequest{{graph, node}, context_}));
      if (kernel != nullptr) return std::shared_ptr<const Kernel>(std::move(kernel));
    }
    return PrepareReference(graph, node);
  }

 private:
  std::shared_ptr<CpuContext> context_;
};

}  // namespace
}  // namespace cpu

std::shared_ptr<Device> NewCpuDevice(const DeviceOptions& options) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = options.threads > 0 ? options.threads : std::max(cores, 1);
  const dnnl_version_t* version = dnnl_version();
  DeviceInfo info;
  info.name = "cpu";
  info.description = absl::StrCat(threads, threads == 1 ? " thread" : " threads", ", oneDNN ", version->major, ".",
                                  version->minor, " (", cpu::GetTileOps().isa, ")");
  info.max_lanes = 1;
  return std::make_shared<cpu::CpuDevice>(std::move(info), threads);
}

}  // namespace moulin
