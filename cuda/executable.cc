#include "cuda/executable.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/execution.h"
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

// The buffers that steps of the device read.
std::vector<BufferId> BuffersRead(const Plan& plan) {
  std::vector<BufferId> buffers;
  for (const Step& step : plan.steps) {
    if (!IsDeviceStep(plan, step)) continue;
    for (size_t i = 0; i < step.reads.size(); ++i) {
      if (step.kind == StepKind::kCopy || ReadsInput(plan, step, static_cast<int>(i))) buffers.push_back(step.reads[i]);
    }
  }
  std::sort(buffers.begin(), buffers.end());
  buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
  return buffers;
}

}  // namespace

StatusOr<std::shared_ptr<CudaExecutable>> CudaExecutable::Make(std::shared_ptr<const Plan> plan,
                                                               std::shared_ptr<const CudaContext> context) {
  std::shared_ptr<CudaExecutable> executable(new CudaExecutable(std::move(plan), std::move(context)));
  if (!executable->context_->plan_only) MOULIN_RETURN_IF_ERROR(executable->UploadConstants());
  return executable;
}

Status CudaExecutable::UploadConstants() {
  MOULIN_RETURN_IF_ERROR(context_->health->status());
  for (BufferId b : BuffersRead(*plan_)) {
    const Buffer& buffer = plan_->buffers[b];
    if (buffer.kind != BufferKind::kConstant || buffer.space != MemorySpace::kDevice) continue;
    constants_[b] = context_->constants->Get(plan_->graph->value(buffer.value).constant);
    MOULIN_RETURN_IF_ERROR(constants_[b]->Address().status());
  }
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<Execution>> CudaExecutable::NewExecution() {
  if (context_->plan_only) {
    return MakeError(ErrorCode::kDevice, "the device was opened for planning alone, without a GPU");
  }
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Execution> execution, CudaExecution::Make(shared_from_this()));
  return execution;
}

}  // namespace moulin::cuda
