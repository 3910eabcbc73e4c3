#include "engine/compare.h"

#include <cmath>

#include "device/host/host_kernel.h"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

// x -> double -> half -> y, names "double:0" and so on; not fused, for each result is an output or read twice.
std::shared_ptr<Graph> Layers() {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  ValueId v = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  for (const char* name : {"first", "second", "third"}) {
    b.SetOrigin(name, "SumOfAll");
    v = b.Binary(ExprOp::kAdd, v, b.Reduce(ReduceOp::kSum, v, {0}, /*keep_dims=*/true));
    graph->AddName(v, std::string(name) + ":0");
  }
  graph->AddOutput("y", v);
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

// The reference, but the nodes called "second" add `error` to their results.
class FaultyDevice : public HostDevice {
 public:
  explicit FaultyDevice(float error) : HostDevice({"faulty", "", 1}), error_(error) {}

 protected:
  StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) override {
    MOULIN_ASSIGN_OR_RETURN(auto kernel, reference_->Prepare(graph, node));
    if (node.name != "second" || node.kind != OpKind::kMap) return kernel;
    return std::shared_ptr<const Kernel>(std::make_shared<FaultyKernel>(kernel, error_));
  }

 private:
  class FaultyKernel : public HostKernel {
   public:
    FaultyKernel(std::shared_ptr<const Kernel> kernel, float error) : kernel_(std::move(kernel)), error_(error) {}
    std::string name() const override { return "faulty"; }
    Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override {
      MOULIN_RETURN_IF_ERROR(static_cast<const HostKernel&>(*kernel_).Run(inputs, outputs, workspace));
      outputs[0].mutable_values<float>()[1] += error_;
      return absl::OkStatus();
    }

   private:
    const std::shared_ptr<const Kernel> kernel_;
    const float error_;
  };

  const float error_;
  const std::shared_ptr<Device> reference_ = NewReferenceDevice();
};

StatusOr<CompareReport> CompareLayers(float error, bool layers = true) {
  const auto device = EngineOn(std::make_shared<FaultyDevice>(error));
  const auto reference = ReferenceEngine();
  CompareOptions options;
  options.layers = layers;
  return CompareGraph(*device, *reference, *Layers(), {{"x", Tensor::Of<float>(Shape({3}), {1, 2, 3})}}, options);
}

TEST(CompareGraphTest, AgreesWhereNothingIsWrong) {
  const auto report = CompareLayers(0);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->agrees());
  EXPECT_EQ(report->first_nan, -1);
  EXPECT_TRUE(report->values.back().is_output);
  EXPECT_EQ(report->values.back().name, "y");
  EXPECT_GE(report->values.size(), 4);
}

TEST(CompareGraphTest, NamesTheFirstValueThatDiffers) {
  const auto report = CompareLayers(0.5f);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_GE(report->first_divergence, 0);
  const ValueDifference& first = report->values[report->first_divergence];
  EXPECT_EQ(first.name, "second:0");
  EXPECT_EQ(first.op, "SumOfAll");
  EXPECT_EQ(first.difference.worst_index, 1);
  EXPECT_FLOAT_EQ(first.difference.max_abs, 0.5);
  EXPECT_FALSE(report->values.back().agrees());
}

TEST(CompareGraphTest, NamesTheFirstNan) {
  const auto report = CompareLayers(NAN);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_GE(report->first_nan, 0);
  EXPECT_EQ(report->values[report->first_nan].name, "second:0");
}

TEST(CompareGraphTest, OutputsOnly) {
  const auto report = CompareLayers(0.5f, /*layers=*/false);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->values.size(), 1);
  EXPECT_FALSE(report->agrees());
}

}  // namespace
}  // namespace moulin
