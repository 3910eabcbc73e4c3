#include "engine/describe.h"

#include <algorithm>
#include <map>

#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/control_stage.h"
#include "engine/model_impl.h"
#include "engine/program.h"
#include "passes/pass.h"

namespace moulin::internal {
namespace {

StatusOr<std::shared_ptr<CompiledStage>> StageOf(const Model& model, absl::Span<const InputShape> shapes) {
  ModelImpl& impl = model.impl();
  MOULIN_ASSIGN_OR_RETURN(const std::vector<Shape> bound, impl.interface().BindShapes(shapes));
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<CompiledStage> stage, impl.program()->StageForShapes(bound));
  if (stage == nullptr) {
    return MakeError(ErrorCode::kShape, "model \"", model.name(),
                     "\" has shapes that the elements of its inputs decide: it is planned when it runs");
  }
  return stage;
}

// Those within choices and loops too.
void CountKernels(const Plan& plan, std::map<std::string, int>* counts) {
  for (const Step& step : plan.steps) {
    if (step.kind != StepKind::kLaunch) continue;
    ++(*counts)[step.kernel->name()];
    for (const Plan* region : step.kernel->regions()) CountKernels(*region, counts);
  }
}

}  // namespace

std::shared_ptr<const Graph> GraphOf(const Model& model) { return model.impl().program()->shared_graph(); }

std::vector<std::string> PassNames() {
  std::vector<std::string> names;
  for (const Pass& pass : AllPasses()) names.push_back(pass.name);
  return names;
}

StatusOr<std::vector<std::pair<std::string, int>>> KernelCounts(const Model& model,
                                                                absl::Span<const InputShape> shapes) {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<CompiledStage> stage, StageOf(model, shapes));
  std::map<std::string, int> counts;
  if (stage->control() != nullptr) {
    ++counts[stage->control()->name()];
  } else {
    CountKernels(stage->plan(), &counts);
  }
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (stage->rest() != nullptr) {
    sorted.emplace_back("(planned when its shapes are known)", stage->rest()->graph().num_nodes());
  }
  return sorted;
}

StatusOr<std::string> PlanText(const Model& model, absl::Span<const InputShape> shapes) {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<CompiledStage> stage, StageOf(model, shapes));
  if (stage->control() != nullptr) return absl::StrCat("no plan: ", stage->control()->name(), "\n");
  return stage->plan().ToString();
}

}  // namespace moulin::internal
