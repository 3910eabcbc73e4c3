#include "cuda/step_clock.h"

#include "device/fake_device.h"
#include "engine/model_impl.h"

namespace moulin::cuda {
namespace {

using internal::TimedStep;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class StepClockTest : public FakeDeviceTest {
 protected:
  static std::vector<TimedStep> LastSteps(const Model& model) { return model.impl().step_profile().last(); }
};

void ExpectOneAfterAnother(const std::vector<TimedStep>& steps) {
  int64_t before_ns = 0;
  for (const TimedStep& step : steps) {
    EXPECT_LE(before_ns, step.start_ns + 1000) << step.node;  // floats of milliseconds
    EXPECT_LE(step.start_ns, step.end_ns) << step.node;
    before_ns = step.end_ns;
  }
}

TEST_F(StepClockTest, EachStepIsMeasured) {
  const auto engine = EngineOn(NewFakeDevice(), {.measure_steps = true});
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.optimize = false});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  EXPECT_EQ(fake_cuda::Counters().graph_launches, 0);
  const std::vector<TimedStep> steps = LastSteps(*model);
  EXPECT_THAT(steps, ElementsAre(Field(&TimedStep::op, "copy"), Field(&TimedStep::node, "scale"),
                                 Field(&TimedStep::node, "plus"), Field(&TimedStep::op, "copy")));
  ExpectOneAfterAnother(steps);
  for (const auto& total : model->impl().step_profile().totals()) {
    EXPECT_EQ(total.runs, total.op == "copy" ? 6 : 3);
    EXPECT_GT(total.total_ns, 0);
  }
}

// (x) -> text, -x: the text is the host's.
TEST_F(StepClockTest, ThePartsOfTheHostTooAndBranchesOneAfterAnother) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, Shape({3})});
  b.SetOrigin("relu", "Relu");
  const ValueId relu = b.Unary(ExprOp::kRelu, x);
  b.SetOrigin("text", "AsString");
  graph->AddOutput("text", b.Add(OpKind::kHostOp, HostOpAttrs{"AsString", {DType::kString}}, {relu}));
  b.SetOrigin("minus", "Neg");
  graph->AddOutput("minus", b.Unary(ExprOp::kNeg, relu));
  const auto engine = EngineOn(NewFakeDevice(), {.measure_steps = true});
  const auto model = LoadGraph(*engine, graph, "m", {.max_lanes = 4, .optimize = false});
  const auto result = model->Run({{"x", Tensor::Of<float>(Shape({3}), {-1, 2, 3})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT((*result)[1].second.values<float>(), ElementsAre(0, -2, -3));
  const std::vector<TimedStep> steps = LastSteps(*model);
  EXPECT_THAT(steps, testing::IsSupersetOf({Field(&TimedStep::node, "relu"), Field(&TimedStep::node, "text"),
                                            Field(&TimedStep::node, "minus")}));
  ExpectOneAfterAnother(steps);
}

TEST_F(StepClockTest, ALoopIsOneStep) {
  const auto region = [](auto make) {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId i = graph->AddInput("i", {DType::kInt32, Shape()});
    const ValueId n = graph->AddInput("n", {DType::kInt32, Shape()});
    for (const ValueId v : make(b, i, n)) graph->AddOutput("", v);
    return graph;
  };
  using Values = std::vector<ValueId>;
  const auto below =
      region([](GraphBuilder& b, ValueId i, ValueId n) { return Values{b.Binary(ExprOp::kLess, i, n)}; });
  const auto plus_two = region([](GraphBuilder& b, ValueId i, ValueId n) {
    return Values{b.Binary(ExprOp::kAdd, i, b.Scalar(DType::kInt32, 2)), n};
  });
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId n = graph->AddInput("n", {DType::kInt32, Shape()});
  b.SetOrigin("loop", "While");
  graph->AddOutput("i", b.AddMulti(OpKind::kWhile, WhileAttrs{below, plus_two}, {b.Scalar(DType::kInt32, 0), n})[0]);
  const auto engine = EngineOn(NewFakeDevice(), {.measure_steps = true});
  const auto model = LoadGraph(*engine, graph, "m");
  for (const int32_t n : {0, 1, 5}) {
    const auto result = model->Run({{"n", Tensor::Scalar(n)}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(result->front().second.values<int32_t>(), ElementsAre((n + 1) / 2 * 2));
    EXPECT_THAT(LastSteps(*model), testing::Contains(Field(&TimedStep::kernel, "cuda while")));
  }
}

TEST_F(StepClockTest, NothingIsMeasuredUnlessAskedFor) {
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  EXPECT_THAT(LastSteps(*model), IsEmpty());
  EXPECT_GT(fake_cuda::Counters().graph_launches, 0);
}

}  // namespace
}  // namespace moulin::cuda
