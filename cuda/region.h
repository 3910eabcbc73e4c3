// A graph within a choice or a loop, as a plan that the device alone runs.
#ifndef MOULIN_CUDA_REGION_H_
#define MOULIN_CUDA_REGION_H_

#include <memory>

#include "absl/types/span.h"
#include "cuda/context.h"
#include "cuda/plan_constants.h"
#include "cuda/runtime/launch.h"
#include "plan/plan.h"

namespace moulin::cuda {

// Inputs, outputs and everything between lie on the device. Its steps are enqueued one after another.
class Region {
 public:
  // Null where the host has a part in it, or a size is not known. Kernels come from `kernels`.
  static std::unique_ptr<const Region> Make(std::shared_ptr<const Graph> graph, KernelSource& kernels,
                                            const CudaContext& context);

  const Plan& plan() const { return *plan_; }
  // Enqueues all steps as LaunchContext says, whose operands and results are those of the graph, and whose workspace is
  // the plan's arena.
  Status Enqueue(const LaunchContext& context) const;

 private:
  Region(std::shared_ptr<const Plan> plan, ConstantStore& store) : plan_(std::move(plan)), constants_(*plan_, store) {}
  StatusOr<void*> Address(const LaunchContext& context, BufferId buffer) const;

  const std::shared_ptr<const Plan> plan_;
  const PlanConstants constants_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_REGION_H_
