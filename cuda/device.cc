// Tested by tests/cuda/device/.
#include "cuda/device.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/control_kernel.h"
#include "cuda/stream.h"
#include "ops/control.h"
#include "ops/op_def.h"

namespace moulin::cuda {
namespace {

bool IsFixed(const Graph& graph, ValueId v) {
  const TensorType& type = graph.value(v).type;
  return type.shape.IsFullyKnown() && SizeOf(type.dtype) > 0;
}

// Whether the node is of the kind that factories take (kernel_factory.h).
bool CanRunOnDevice(const Graph& graph, const Node& node) {
  const auto is_fixed = [&](ValueId v) { return IsFixed(graph, v); };
  if (!std::all_of(node.inputs.begin(), node.inputs.end(), is_fixed)) return false;
  if (!std::all_of(node.outputs.begin(), node.outputs.end(), is_fixed)) return false;
  const InputMask shape_inputs = GetOpDef(node.kind).shape_inputs;
  for (size_t i = 0; i < node.inputs.size() && i < 64; ++i) {
    const bool decides_shape = (shape_inputs & Input(static_cast<int>(i))) != 0;
    if (decides_shape && !graph.value(node.inputs[i]).is_constant()) return false;
  }
  return true;
}

// For comparisons: whether loops and choices are to be driven from the host though the device could.
bool DrivesControlFromHost() {
  const char* wanted = std::getenv("MOULIN_CUDA_CONTROL");
  return wanted != nullptr && std::string(wanted) == "host";
}

}  // namespace

DeviceInfo CudaDeviceInfo(std::string description) {
  DeviceInfo info;
  info.name = "cuda";
  info.description = std::move(description);
  info.max_lanes = 4;
  info.instances = 2;       // one computes while the other's tensors are copied
  info.launch_streams = 1;  // the lanes are in the graph
  info.bound_results = true;
  info.fuse_prologues = true;
  info.control_steps = !DrivesControlFromHost();
  return info;
}

CudaDevice::CudaDevice(DeviceInfo info, std::shared_ptr<CudaContext> context,
                       std::shared_ptr<KernelSource> host_kernels)
    : info_(std::move(info)), context_(std::move(context)), host_kernels_(std::move(host_kernels)) {}

StatusOr<std::unique_ptr<Stream>> CudaDevice::NewStream(int priority) {
  if (context_->plan_only) return std::make_unique<ThreadStream>();  // requests fail before they are launched
  MOULIN_RETURN_IF_ERROR(context_->health->status());
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<StreamHandle> handle,
                          StreamHandle::Create(*context_->api, priority, context_->green));
  return std::make_unique<CudaStream>(std::move(handle), std::make_unique<ThreadStream>());
}

StatusOr<std::unique_ptr<Event>> CudaDevice::NewEvent() { return std::make_unique<HostEvent>(); }

std::unique_ptr<Stream> CudaDevice::NewCallerStream() {
  if (context_->plan_only) return std::make_unique<CallerStream>();
  StatusOr<std::shared_ptr<StreamHandle>> handle = StreamHandle::Create(*context_->api, 0, context_->green);
  if (!handle.ok()) return nullptr;
  return std::make_unique<CudaStream>(*std::move(handle), std::make_unique<CallerStream>());
}

StatusOr<std::shared_ptr<const Kernel>> CudaDevice::Prepare(const Graph& graph, const Node& node) {
  if (CanRunOnDevice(graph, node)) {
    MOULIN_ASSIGN_OR_RETURN(KernelPtr kernel, MakeKernel(KernelRequest{{graph, node}, context_}));
    if (kernel != nullptr) return std::shared_ptr<const Kernel>(std::move(kernel));
  }
  return host_kernels_->Prepare(graph, node);
}

StatusOr<KernelPtr> CudaDevice::MakeKernel(const KernelRequest& request) {
  if (HasRegions(request.node.kind)) {
    return info_.control_steps ? MakeControlKernel(request, *this) : KernelPtr();
  }
  const KernelFactory factory = FactoryFor(request.node.kind);
  return factory == nullptr ? KernelPtr() : factory(request);
}

// All is shared with the whole device but the multiprocessors; choices that were timed, too.
StatusOr<std::shared_ptr<Device>> CudaDevice::Partition(int multiprocessors) {
  if (multiprocessors < 1) {
    return MakeError(ErrorCode::kOption, "multiprocessors: expected 1 or more, found ", multiprocessors);
  }
  auto part = std::make_shared<CudaContext>(*context_);
  part->multiprocessors = multiprocessors;
  if (!context_->plan_only) {
    MOULIN_RETURN_IF_ERROR(context_->health->status());
    MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<const GreenContext> green,
                            GreenContext::Create(context_->multiprocessor_pool, multiprocessors));
    part->multiprocessors = green->multiprocessors();
    part->green = green;
  }
  DeviceInfo info = info_;
  info.description = absl::StrCat(info_.description, ", of which ", part->multiprocessors, " multiprocessors");
  info.control_steps = false;  // a conditional node is of the whole device's context, and so must be all within it
  return std::shared_ptr<Device>(std::make_shared<CudaDevice>(std::move(info), std::move(part), host_kernels_));
}

StatusOr<std::shared_ptr<Executable>> CudaDevice::Load(std::shared_ptr<const Plan> plan) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<CudaExecutable> executable, CudaExecutable::Make(std::move(plan), context_));
  return std::shared_ptr<Executable>(std::move(executable));
}

}  // namespace moulin::cuda
