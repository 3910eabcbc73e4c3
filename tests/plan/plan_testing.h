// Graphs and kernels to plan with.
#ifndef MOULIN_TESTS_PLAN_PLAN_TESTING_H_
#define MOULIN_TESTS_PLAN_PLAN_TESTING_H_

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ir/graph.h"
#include "ops/graph_builder.h"
#include "plan/kernel.h"
#include "plan/plan.h"
#include "plan/verify.h"

namespace moulin {

// A kernel that nobody runs.
class FakeKernel : public Kernel {
 public:
  FakeKernel(bool in_place, int64_t workspace) : in_place_(in_place), workspace_(workspace) {}
  std::string name() const override { return "fake"; }
  int64_t workspace_bytes() const override { return workspace_; }
  bool can_run_in_place(int) const override { return in_place_; }

 private:
  const bool in_place_;
  const int64_t workspace_;
};

// Gives every node such a kernel; elementwise ones may run in place where asked.
class FakeKernels : public KernelSource {
 public:
  bool in_place = false;
  int64_t workspace_bytes = 0;
  StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph&, const Node& node) override {
    return std::shared_ptr<const Kernel>(
        std::make_shared<FakeKernel>(in_place && node.kind == OpKind::kMap, workspace_bytes));
  }
};

// A graph under construction whose nodes are float vectors.
class GraphMaker {
 public:
  explicit GraphMaker(int64_t size = 16) : size_(size), builder_(graph_.get(), Limits()) { graph_->name = "test"; }

  ValueId Input(const std::string& name) {
    return Named(graph_->AddInput(name, {DType::kFloat32, PartialShape({size_})}), name);
  }
  ValueId Constant(const std::string& name, float value) {
    return Named(graph_->AddConstant(Tensor::Of<float>(Shape({size_}), std::vector<float>(size_, value))), name);
  }
  ValueId Tanh(const std::string& name, ValueId x) {
    builder_.SetOrigin(name, "Tanh");
    return Named(builder_.Unary(ExprOp::kTanh, x), name);
  }
  ValueId Add(const std::string& name, ValueId x, ValueId y) {
    builder_.SetOrigin(name, "Add");
    return Named(builder_.Binary(ExprOp::kAdd, x, y), name);
  }
  ValueId Column(const std::string& name, ValueId x) {
    builder_.SetOrigin(name, "Reshape");
    return Named(builder_.Reshape(x, builder_.Ints({size_, 1})), name);
  }
  void Output(const std::string& name, ValueId v) { graph_->AddOutput(name, v); }

  GraphBuilder& builder() { return builder_; }
  std::shared_ptr<Graph> graph() {
    EXPECT_TRUE(builder_.ok()) << builder_.status();
    return graph_;
  }

 private:
  ValueId Named(ValueId v, const std::string& name) {
    if (v != kNoId) graph_->AddName(v, name + ":0");
    return v;
  }

  const int64_t size_;
  const std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  GraphBuilder builder_;
};

// Plans and verifies.
inline std::shared_ptr<const Plan> MakeVerifiedPlan(std::shared_ptr<const Graph> graph, int max_lanes = 1,
                                                    bool in_place = false, int64_t workspace_bytes = 0) {
  FakeKernels kernels;
  kernels.in_place = in_place;
  kernels.workspace_bytes = workspace_bytes;
  auto plan = MakePlan(std::move(graph), kernels, {.max_lanes = max_lanes, .allow_in_place = true});
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return nullptr;
  const Status status = VerifyPlan(**plan);
  EXPECT_TRUE(status.ok()) << status << "\n" << (*plan)->ToString();
  return *std::move(plan);
}

}  // namespace moulin

#endif  // MOULIN_TESTS_PLAN_PLAN_TESTING_H_
