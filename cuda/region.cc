// Tested by tests/cuda/device/control_test.cc.
#include "cuda/region.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cuda/enqueue_step.h"

namespace moulin::cuda {

std::unique_ptr<const Region> Region::Make(std::shared_ptr<const Graph> graph, KernelSource& kernels,
                                           const CudaContext& context) {
  // What no device can plan is an error when it is to run, which it may never be.
  const StatusOr<std::shared_ptr<const Plan>> plan =
      MakePlan(std::move(graph), kernels, {.io_space = MemorySpace::kDevice});
  if (!plan.ok()) return nullptr;
  const auto is_on_device = [](const Buffer& buffer) { return buffer.space == MemorySpace::kDevice; };
  if (!std::all_of((*plan)->buffers.begin(), (*plan)->buffers.end(), is_on_device)) return nullptr;
  return std::unique_ptr<const Region>(new Region(*plan, *context.constants));
}

Status Region::Enqueue(const LaunchContext& context) const {
  const auto address = [&](BufferId b) { return Address(context, b); };
  for (const Step& step : plan_->steps) {
    MOULIN_RETURN_IF_ERROR(EnqueueStep(*context.api, *plan_, step, address, context.stop, context.stream));
  }
  return absl::OkStatus();
}

StatusOr<void*> Region::Address(const LaunchContext& context, BufferId buffer) const {
  const Buffer& b = plan_->buffers[buffer];
  switch (b.kind) {
    case BufferKind::kInput:
      return const_cast<void*>(context.inputs[b.index]);  // read only: VerifyPlan refuses plans that write inputs
    case BufferKind::kOutput:
      return context.outputs[b.index];
    case BufferKind::kConstant: {
      MOULIN_ASSIGN_OR_RETURN(const void* address, constants_.Address(buffer));
      return const_cast<void*>(address);
    }
    default:
      return static_cast<void*>(static_cast<char*>(context.workspace) + b.offset);
  }
}

}  // namespace moulin::cuda
