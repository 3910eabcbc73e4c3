// Tested by tests/cuda/device/execution_test.cc.
#include "cuda/plan_constants.h"

#include "base/status_macros.h"
#include "cuda/kernel.h"
#include "cuda/segments.h"
#include "ops/op_def.h"

namespace moulin::cuda {
namespace {

// Whether a kernel of the device looks at the elements of input i; those that decide shapes it has looked at already.
bool ReadsInput(const Plan& plan, const Step& step, int i) {
  const InputMask shape_inputs = GetOpDef(plan.graph->node(step.node).kind).shape_inputs;
  const bool decides_shape = i < 64 && (shape_inputs & Input(i)) != 0;
  return !decides_shape && static_cast<const CudaKernel&>(*step.kernel).reads_input(i);
}

}  // namespace

PlanConstants::PlanConstants(const Plan& plan, ConstantStore& store) : constants_(plan.buffers.size()) {
  for (const Step& step : plan.steps) {
    if (!IsDeviceStep(plan, step)) continue;
    for (size_t i = 0; i < step.reads.size(); ++i) {
      const BufferId b = step.reads[i];
      const Buffer& buffer = plan.buffers[b];
      if (buffer.kind != BufferKind::kConstant || buffer.space != MemorySpace::kDevice) continue;
      const bool is_read = step.kind == StepKind::kCopy || ReadsInput(plan, step, static_cast<int>(i));
      if (is_read && constants_[b] == nullptr) constants_[b] = store.Get(plan.graph->value(buffer.value).constant);
    }
  }
}

Status PlanConstants::Upload() const {
  for (const auto& constant : constants_) {
    if (constant != nullptr) MOULIN_RETURN_IF_ERROR(constant->Address().status());
  }
  return absl::OkStatus();
}

}  // namespace moulin::cuda
