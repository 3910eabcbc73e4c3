// Plans made ready on the CUDA device.
#ifndef MOULIN_CUDA_EXECUTABLE_H_
#define MOULIN_CUDA_EXECUTABLE_H_

#include <memory>
#include <optional>

#include "cuda/context.h"
#include "cuda/plan_constants.h"
#include "device/device.h"
#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin::cuda {

class CudaExecutable : public Executable, public std::enable_shared_from_this<CudaExecutable> {
 public:
  // Uploads the constants that kernels of the device read, which are not those that only decide shapes.
  // RESOURCE_EXHAUSTED where memory is short. The plan of a device that only plans stays on the host.
  static StatusOr<std::shared_ptr<CudaExecutable>> Make(std::shared_ptr<const Plan> plan,
                                                        std::shared_ptr<const CudaContext> context);

  const Plan& plan() const override { return *plan_; }
  StatusOr<std::unique_ptr<Execution>> NewExecution() override;

  const CudaContext& context() const { return *context_; }
  // The address of a constant's buffer on the device; null where no kernel reads it.
  StatusOr<const void*> ConstantAddress(BufferId buffer) const { return constants_->Address(buffer); }

 private:
  CudaExecutable(std::shared_ptr<const Plan> plan, std::shared_ptr<const CudaContext> context)
      : plan_(std::move(plan)), context_(std::move(context)) {}
  Status UploadConstants();

  const std::shared_ptr<const Plan> plan_;
  const std::shared_ptr<const CudaContext> context_;
  std::optional<PlanConstants> constants_;  // but for planning alone
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_EXECUTABLE_H_
