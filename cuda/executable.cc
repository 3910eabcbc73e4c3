#include "cuda/executable.h"

#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/execution.h"

namespace moulin::cuda {

StatusOr<std::shared_ptr<CudaExecutable>> CudaExecutable::Make(std::shared_ptr<const Plan> plan,
                                                               std::shared_ptr<const DeviceState> state) {
  std::shared_ptr<CudaExecutable> executable(new CudaExecutable(std::move(plan), std::move(state)));
  if (!executable->state_->plan_only) MOULIN_RETURN_IF_ERROR(executable->UploadConstants());
  return executable;
}

Status CudaExecutable::UploadConstants() {
  MOULIN_RETURN_IF_ERROR(state_->health->status());
  for (size_t b = 0; b < plan_->buffers.size(); ++b) {
    const Buffer& buffer = plan_->buffers[b];
    if (buffer.kind != BufferKind::kConstant || buffer.space != MemorySpace::kDevice) continue;
    constants_[b] = state_->constants->Get(plan_->graph->value(buffer.value).constant);
    MOULIN_RETURN_IF_ERROR(constants_[b]->Address().status());
  }
  return absl::OkStatus();
}

StatusOr<std::unique_ptr<Execution>> CudaExecutable::NewExecution() {
  if (state_->plan_only) {
    return MakeError(ErrorCode::kDevice, "the device was opened for planning alone, without a GPU");
  }
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Execution> execution, CudaExecution::Make(shared_from_this()));
  return execution;
}

}  // namespace moulin::cuda
