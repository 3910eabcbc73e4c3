// Models that run on a part of the GPU.
#include "device/fake_device.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;

class PartitionTest : public FakeDeviceTest {
 protected:
  PartitionTest() {
    GraphBuilder b(graph_.get(), Limits());
    const ValueId x = graph_->AddInput("x", {DType::kFloat32, {kUnknownDim}});
    graph_->AddName(x, "x:0");
    graph_->AddOutput("y", b.Unary(ExprOp::kRelu, b.Binary(ExprOp::kAdd, x, x)));
  }
  StatusOr<std::shared_ptr<Model>> Load(Engine& engine, int multiprocessors) {
    ModelOptions options;
    options.multiprocessors = multiprocessors;
    return engine.impl().LoadGraph(graph_, "m", options);
  }
  static void Run(Model& model) {
    for (int run = 0; run < 3; ++run) {
      const auto result = model.Run({{"x", Tensor::Of<float>(Shape({2}), {1, -2})}});
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->front().second.values<float>()[0], 2);
      EXPECT_EQ(result->front().second.values<float>()[1], 0);
    }
  }

  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
};

TEST_F(PartitionTest, EveryKernelOfAModelIsCapturedInItsPart) {
  const auto engine = EngineOn(NewFakeDevice());
  {
    const auto small = Load(*engine, 10), large = Load(*engine, 32);
    ASSERT_TRUE(small.ok() && large.ok()) << small.status() << large.status();
    Run(**small);
    Run(**large);
    const auto contexts = fake_cuda::GreenContexts();
    ASSERT_EQ(contexts.size(), 2u);
    EXPECT_EQ(contexts[0].multiprocessors + contexts[1].multiprocessors, 16 + 32);
    // Once when the plan is run for the first time, and once captured; what is launched later is the graph.
    const fake_cuda::CounterValues counters = fake_cuda::Counters();
    EXPECT_GT(counters.launches, 0);
    EXPECT_EQ(contexts[0].kernels + contexts[1].kernels, 2 * counters.launches);
    EXPECT_EQ(contexts[0].kernels, contexts[1].kernels);
  }
  EXPECT_EQ(fake_cuda::Live().green_contexts, 0);  // given back with the models
  EXPECT_TRUE(Load(*engine, 128).ok());
}

TEST_F(PartitionTest, AModelWithoutOneIsOnAllOfTheDevice) {
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = Load(*engine, 0);
  ASSERT_TRUE(model.ok()) << model.status();
  Run(**model);
  EXPECT_TRUE(fake_cuda::GreenContexts().empty());
}

TEST_F(PartitionTest, WhatCannotBeHadIsSaid) {
  const auto engine = EngineOn(NewFakeDevice());
  EXPECT_THAT(Message(Load(*engine, 1000).status()), HasSubstr("expected 1 to 128"));
  EXPECT_THAT(Message(Load(*engine, -1).status()), HasSubstr("expected 1 or more, found -1"));
  const auto first = Load(*engine, 100);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Message(Load(*engine, 100).status()), HasSubstr("24 of 128 are not set aside"));
}

TEST_F(PartitionTest, OtherDevicesCannotBeSplit) {
  const auto engine = EngineOn(NewReferenceDevice());
  EXPECT_THAT(Message(Load(*engine, 8).status()), HasSubstr("\"reference\" cannot be split"));
}

}  // namespace
}  // namespace moulin::cuda
