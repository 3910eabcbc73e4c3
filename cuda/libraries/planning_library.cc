#include "cuda/libraries/planning_library.h"

#include <utility>

#include "base/errors.h"

namespace moulin::cuda {
namespace {

class PlanningPlan : public LibraryPlan {
 public:
  explicit PlanningPlan(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  int64_t workspace_bytes() const override { return 0; }
  Status Enqueue(cudaStream_t, const LibraryOperands&, void*) const override {
    return MakeError(ErrorCode::kDevice, "the device was opened for planning alone, without a GPU");
  }

 private:
  const std::string name_;
};

LibraryPlans One(const char* name) { return {std::make_shared<PlanningPlan>(name)}; }

bool Takes(DType type, const LibraryEpilogue& epilogue) {
  if (type == DType::kInt8) return epilogue.scaling.has_value() || epilogue == LibraryEpilogue();
  return type == DType::kFloat32 || IsHalf(type);
}

class PlanningLibrary : public PrimitiveLibrary {
 public:
  std::string version() const override { return "planning"; }
  LibraryPlans Convolution(const ConvProblem& problem) override {
    const bool plain = problem.epilogue == LibraryEpilogue();
    if (problem.transposed && !plain) return {};
    return Takes(problem.type, problem.epilogue) ? One("cudnn") : LibraryPlans();
  }
  LibraryPlans Matmul(const MatmulProblem& problem) override {
    return Takes(problem.type, problem.epilogue) ? One(problem.epilogue.scaling ? "cudnn" : "cublaslt")
                                                 : LibraryPlans();
  }
  LibraryPlans Attention(const AttentionProblem& problem) override {
    return IsHalf(problem.type) ? One("cudnn") : LibraryPlans();
  }
};

}  // namespace

std::shared_ptr<PrimitiveLibrary> MakePlanningLibrary() { return std::make_shared<PlanningLibrary>(); }

}  // namespace moulin::cuda
