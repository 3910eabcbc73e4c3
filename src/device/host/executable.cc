#include "device/host/executable.h"

#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"
#include "device/host/execution.h"
#include "device/host/host_kernel.h"

namespace moulin {
namespace {

class HostExecutable : public Executable, public std::enable_shared_from_this<HostExecutable> {
 public:
  HostExecutable(std::shared_ptr<const Plan> plan, std::shared_ptr<ConstantRegistry> constants)
      : plan_(std::move(plan)), read_constants_(ConstantsRead(*plan_)), constants_(std::move(constants)) {
    for (const Tensor& t : read_constants_) constants_->Add(t);
  }
  ~HostExecutable() override {
    for (const Tensor& t : read_constants_) constants_->Remove(t);
  }

  const Plan& plan() const override { return *plan_; }

  StatusOr<std::unique_ptr<Execution>> NewExecution() override {
    MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Execution> execution, HostExecution::Make(*plan_, shared_from_this()));
    return execution;
  }

 private:
  const std::shared_ptr<const Plan> plan_;
  const std::vector<Tensor> read_constants_;
  const std::shared_ptr<ConstantRegistry> constants_;
};

}  // namespace

StatusOr<std::shared_ptr<Executable>> LoadOnHost(std::shared_ptr<const Plan> plan,
                                                 std::shared_ptr<ConstantRegistry> constants) {
  for (const Step& step : plan->steps) {
    if (step.kind == StepKind::kLaunch && step.kernel->space() != MemorySpace::kHost) {
      return MakeError(ErrorCode::kInternal, "a plan for the host holds the kernel \"", step.kernel->name(),
                       "\" of another device");
    }
  }
  return std::shared_ptr<Executable>(std::make_shared<HostExecutable>(std::move(plan), std::move(constants)));
}

}  // namespace moulin
