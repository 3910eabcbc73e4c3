#include "cuda/executable.h"

#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/execution.h"

namespace moulin::cuda {

StatusOr<std::shared_ptr<CudaExecutable>> CudaExecutable::Make(std::shared_ptr<const Plan> plan,
                                                               std::shared_ptr<const CudaContext> context) {
  std::shared_ptr<CudaExecutable> executable(new CudaExecutable(std::move(plan), std::move(context)));
  if (!executable->context_->plan_only) MOULIN_RETURN_IF_ERROR(executable->UploadConstants());
  return executable;
}

Status CudaExecutable::UploadConstants() {
  MOULIN_RETURN_IF_ERROR(context_->health->status());
  constants_.emplace(*plan_, *context_->constants);
  return constants_->Upload();
}

StatusOr<std::unique_ptr<Execution>> CudaExecutable::NewExecution() {
  if (context_->plan_only) {
    return MakeError(ErrorCode::kDevice, "the device was opened for planning alone, without a GPU");
  }
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Execution> execution, CudaExecution::Make(shared_from_this()));
  return execution;
}

}  // namespace moulin::cuda
