// Tested by tests/cuda/device/execution_test.cc and control_test.cc.
#include "cuda/enqueue_step.h"

#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/kernel.h"

namespace moulin::cuda {
namespace {

Status EnqueueLaunch(const Plan& plan, const Step& step, AddressOf address, LaunchContext context) {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (BufferId b : step.reads) {
    MOULIN_ASSIGN_OR_RETURN(const void* at, address(b));
    inputs.push_back(at);
  }
  for (BufferId b : step.writes) {
    MOULIN_ASSIGN_OR_RETURN(void* const at, address(b));
    outputs.push_back(at);
  }
  context.inputs = inputs;
  context.outputs = outputs;
  if (step.workspace != kNoId) {
    MOULIN_ASSIGN_OR_RETURN(context.workspace, address(step.workspace));
  }
  const Node& node = plan.graph->node(step.node);
  return AtNode(static_cast<const CudaKernel&>(*step.kernel).Enqueue(context), node.name,
                node.tf_op.empty() ? Name(node.kind) : node.tf_op);
}

Status EnqueueCopy(const CudaApi& api, const Plan& plan, const Step& step, AddressOf address, cudaStream_t stream) {
  const BufferId from = step.reads[0], to = step.writes[0];
  const size_t bytes = static_cast<size_t>(plan.buffers[to].bytes);
  if (bytes == 0) return absl::OkStatus();
  MOULIN_ASSIGN_OR_RETURN(const void* source, address(from));
  MOULIN_ASSIGN_OR_RETURN(void* const destination, address(to));
  const bool from_device = plan.buffers[from].space == MemorySpace::kDevice;
  const bool to_device = plan.buffers[to].space == MemorySpace::kDevice;
  const cudaMemcpyKind kind = from_device && to_device ? cudaMemcpyDeviceToDevice
                              : from_device            ? cudaMemcpyDeviceToHost
                                                       : cudaMemcpyHostToDevice;
  return ToStatus(api, api.MemcpyAsync(destination, source, bytes, kind, stream), "enqueuing a copy");
}

}  // namespace

Status EnqueueStep(const CudaApi& api, const Plan& plan, const Step& step, AddressOf address, const int32_t* stop,
                   cudaStream_t stream) {
  if (step.kind == StepKind::kCopy) return EnqueueCopy(api, plan, step, address, stream);
  LaunchContext context;
  context.api = &api;
  context.stream = stream;
  context.stop = stop;
  return EnqueueLaunch(plan, step, address, context);
}

}  // namespace moulin::cuda
