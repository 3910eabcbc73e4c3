// The constants that a plan's kernels read, on the device.
#ifndef MOULIN_CUDA_PLAN_CONSTANTS_H_
#define MOULIN_CUDA_PLAN_CONSTANTS_H_

#include <memory>
#include <vector>

#include "cuda/constants.h"
#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin::cuda {

// Those that only decide shapes, or that kernels hold in a form of their own, are not there.
class PlanConstants {
 public:
  PlanConstants(const Plan& plan, ConstantStore& store);

  // RESOURCE_EXHAUSTED where memory is short.
  Status Upload() const;
  // The address of a constant's buffer, uploaded at the first call; null where no kernel reads it.
  StatusOr<const void*> Address(BufferId buffer) const {
    return constants_[buffer] == nullptr ? nullptr : constants_[buffer]->Address();
  }

 private:
  std::vector<std::shared_ptr<const DeviceConstant>> constants_;  // per buffer; null but for the device's constants
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_PLAN_CONSTANTS_H_
