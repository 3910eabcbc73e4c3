// Plans on the CUDA device: results, copies, parts that the host has, what a request costs, and failures.
#include "cuda/execution.h"

#include <thread>

#include "device/fake_device.h"
#include "engine/describe.h"
#include "plan/plan.h"
#include "plan/verify.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor Floats(const Shape& shape, std::vector<float> values) { return Tensor::Of<float>(shape, values); }

std::vector<float> FloatsOf(const Tensor& t) { return {t.values<float>().begin(), t.values<float>().end()}; }

class ExecutionTest : public FakeDeviceTest {
 protected:
  ExecutionTest() { graph_->name = "test"; }

  ValueId Input(const std::string& name, PartialShape shape, DType type = DType::kFloat32) {
    const ValueId v = graph_->AddInput(name, {type, std::move(shape)});
    graph_->AddName(v, name + ":0");
    return v;
  }
  void Output(const std::string& name, ValueId v) { graph_->AddOutput(name, v); }
  // A node that the device leaves to the host: an op on strings.
  ValueId OnHost(ValueId floats) {
    const ValueId text = b_.Add(OpKind::kHostOp, HostOpAttrs{"AsString", {DType::kString}}, {floats});
    return text;
  }

  std::shared_ptr<Model> Load(const ModelOptions& options = {}) {
    EXPECT_TRUE(b_.ok()) << b_.status();
    if (engine_ == nullptr) engine_ = EngineOn(NewFakeDevice());
    return LoadGraph(*engine_, graph_, "m", options);
  }

  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  GraphBuilder b_{graph_.get(), Limits()};
  std::unique_ptr<Engine> engine_;
};

TEST_F(ExecutionTest, ComputesWithWeightsAndInputs) {
  const ValueId x = Input("x", {2, 3});
  const ValueId w = graph_->AddConstant(Floats(Shape({2, 3}), {1, 2, 3, 4, 5, 6}));
  Output("y", b_.Binary(ExprOp::kMul, b_.Binary(ExprOp::kAdd, x, w), w));
  const auto model = Load();
  for (int run = 0; run < 3; ++run) {
    const auto result = model->Run({{"x", Floats(Shape({2, 3}), {1, 1, 1, 0, 0, 0.5f})}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(FloatsOf(result->front().second), ElementsAre(2, 6, 12, 16, 25, 39));
  }
}

TEST_F(ExecutionTest, AnInputAndAConstantMayBeOutputs) {
  const ValueId x = Input("x", {2});
  const ValueId w = graph_->AddConstant(Floats(Shape({2}), {7, 8}));
  Output("x_again", x);
  Output("w", w);
  Output("sum", b_.Binary(ExprOp::kAdd, x, w));
  const auto result = Load()->Run({{"x", Floats(Shape({2}), {1, 2})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(FloatsOf((*result)[0].second), ElementsAre(1, 2));
  EXPECT_THAT(FloatsOf((*result)[1].second), ElementsAre(7, 8));
  EXPECT_THAT(FloatsOf((*result)[2].second), ElementsAre(8, 10));
}

TEST_F(ExecutionTest, NoElementsAreNoWork) {
  const ValueId x = Input("x", {kUnknownDim, 3});
  Output("y", b_.Unary(ExprOp::kRelu, x));
  const auto model = Load();
  const auto result = model->Run({{"x", Floats(Shape({0, 3}), {})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->front().second.shape(), Shape({0, 3}));
}

TEST_F(ExecutionTest, ThePartsOfTheHostAreReachedByCopies) {
  const ValueId x = Input("x", {3});
  const ValueId relu = b_.Unary(ExprOp::kRelu, x);
  Output("text", OnHost(relu));
  Output("y", b_.Unary(ExprOp::kNeg, relu));
  const auto result = Load()->Run({{"x", Floats(Shape({3}), {-1, 2, 3})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(std::vector<std::string>((*result)[0].second.strings().begin(), (*result)[0].second.strings().end()),
              ElementsAre(HasSubstr("0"), HasSubstr("2"), HasSubstr("3")));
  EXPECT_THAT(FloatsOf((*result)[1].second), ElementsAre(0, -2, -3));
}

// As many as are selected, and what they score: the device finds out in one stage, and gathers in the next.
TEST_F(ExecutionTest, ResultsOfAKnownGreatestLengthNeedNoHost) {
  const ValueId boxes = Input("boxes", {3, 4}), scores = Input("scores", {3});
  const NonMaxSuppressionAttrs attrs{3, false};
  const std::vector<ValueId> best = b_.AddMulti(OpKind::kNonMaxSuppression, attrs,
                                                {boxes, scores, b_.Int(1 << 30), b_.Scalar(DType::kFloat32, 0.5),
                                                 b_.Scalar(DType::kFloat32, 0), b_.Scalar(DType::kFloat32, 0)});
  Output("best", best[0]);
  Output("score", b_.Add(OpKind::kGather, GatherAttrs(), {scores, best[0], b_.Int(0)}));
  const auto model = Load();
  const auto counts = internal::KernelCounts(*model, {});
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_THAT(*counts, ElementsAre(testing::Pair("non_max_suppression", 1),
                                   testing::Pair("(planned when its shapes are known)", testing::Gt(0))));
  const Tensor corners = Floats(Shape({3, 4}), {0, 0, 1, 1, 0, 0, 1, 0.9f, 2, 2, 3, 3});
  for (const auto& [values, places] : std::vector<std::pair<std::vector<float>, std::vector<int32_t>>>{
           {{1, 2, 3}, {2, 1}}, {{1, 0.5f, -1}, {0}}, {{-1, -1, -1}, {}}, {{3, 2, 1}, {0, 2}}}) {
    const auto result = model->Run({{"boxes", corners}, {"scores", Floats(Shape({3}), values)}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT((*result)[0].second.values<int32_t>(), testing::ElementsAreArray(places));
    std::vector<float> expected;
    for (const int32_t place : places) expected.push_back(values[place]);
    EXPECT_EQ(FloatsOf((*result)[1].second), expected);
  }
}

TEST_F(ExecutionTest, BranchesRunOnLanesOfTheGraph) {
  const ValueId x = Input("x", {1 << 12});
  const ValueId start = b_.Unary(ExprOp::kNeg, x);
  std::vector<ValueId> branches;
  for (int i = 0; i < 4; ++i) {
    // Reductions, so that the branches are not fused into one Map.
    ValueId v = b_.Reshape(b_.Binary(ExprOp::kMul, start, b_.Scalar(DType::kFloat32, i + 1)), b_.Ints({64, 64}));
    for (int64_t axis : {1, 0}) v = b_.Reduce(ReduceOp::kMax, v, {axis}, true);
    branches.push_back(v);
  }
  Output("y", b_.Concat(branches, 0));
  const auto model = Load({.max_lanes = 4});
  std::vector<float> values(1 << 12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100) - 3;
  const auto result = model->Run({{"x", Floats(Shape({1 << 12}), values)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(FloatsOf(result->front().second), ElementsAre(3, 6, 9, 12));
}

TEST_F(ExecutionTest, ARequestAllocatesNothingAndWaitsOnce) {
  const ValueId x = Input("x", {64});
  Output("y", b_.Unary(ExprOp::kTanh, x));
  const auto model = Load({.instances = 1});
  const NamedTensors inputs = {{"x", Floats(Shape({64}), std::vector<float>(64, 0.5f))}};
  ASSERT_TRUE(model->Run(inputs).ok());
  const fake_cuda::CounterValues before = fake_cuda::Counters();
  constexpr int kRequests = 20;
  for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(model->Run(inputs).ok());
  const fake_cuda::CounterValues after = fake_cuda::Counters();
  EXPECT_EQ(after.mallocs, before.mallocs);
  EXPECT_EQ(after.host_allocs, before.host_allocs);
  EXPECT_EQ(after.graph_launches, before.graph_launches + kRequests);
  EXPECT_EQ(after.launches, before.launches);
  EXPECT_EQ(after.memcpys, before.memcpys);
  EXPECT_EQ(after.pageable_memcpys, before.pageable_memcpys);
  EXPECT_LE(after.synchronizations, before.synchronizations + kRequests);
}

TEST_F(ExecutionTest, EqualWeightsAreUploadedOnce) {
  const std::vector<float> weights(1024, 3);
  const auto graph_of = [&] {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({1024})});
    graph->AddOutput("y", b.Binary(ExprOp::kAdd, x, graph->AddConstant(Floats(Shape({1024}), weights))));
    return graph;
  };
  const auto engine = EngineOn(NewFakeDevice());
  const NamedTensors inputs = {{"x", Floats(Shape({1024}), weights)}};
  const auto first = LoadGraph(*engine, graph_of(), "first");
  const auto second = LoadGraph(*engine, graph_of(), "second");
  ASSERT_TRUE(first->Run(inputs).ok());
  const int64_t bytes = first->stats().constant_bytes;
  ASSERT_TRUE(second->Run(inputs).ok());
  EXPECT_EQ(bytes, 1024 * 4);
  EXPECT_EQ(second->stats().constant_bytes, bytes);
}

TEST_F(ExecutionTest, ModelsAtOnceGiveWhatTheyGiveAlone) {
  const auto engine = EngineOn(NewFakeDevice());
  constexpr int kModels = 4, kRequests = 12;
  std::vector<std::shared_ptr<Model>> models;
  for (int m = 0; m < kModels; ++m) {
    models.push_back(LoadGraph(*engine, ScaleGraph(0.1f + m), "m" + std::to_string(m), {.instances = 1 + m % 2}));
  }
  std::vector<std::vector<Future>> futures(kModels);
  for (int r = 0; r < kRequests; ++r) {
    for (int m = 0; m < kModels; ++m) {
      auto future = models[m]->Submit(RequestOf(Rows(1 + r % 3, static_cast<float>(r))));
      ASSERT_TRUE(future.ok()) << future.status();
      futures[m].push_back(*std::move(future));
    }
  }
  for (int m = 0; m < kModels; ++m) {
    for (int r = 0; r < kRequests; ++r) {
      const float expected = static_cast<float>(r) * (0.1f + m) + 1;
      EXPECT_EQ(FirstValue(futures[m][r].Get()), expected) << "model " << m << ", request " << r;
    }
  }
}

TEST_F(ExecutionTest, TimeOnTheDeviceIsMeasuredOnRequest) {
  const auto engine = EngineOn(NewFakeDevice(/*measure_time=*/true));
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  EXPECT_GT(model->stats().device_ms, 0);
}

// --- failures ---

TEST_F(ExecutionTest, AFailedLaunchFailsOneRequest) {
  Restart({.fail_graph_launch = 2});
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.instances = 1});
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  const auto failed = model->Run({{"x", Rows(1, 3)}});
  EXPECT_THAT(Message(failed.status()), HasSubstr("E_DEVICE"));
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
}

TEST_F(ExecutionTest, ShortMemoryIsAnErrorWithNumbers) {
  Restart({.device_bytes = 4096});
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.instances = 1});
  const auto failed = model->Run({{"x", Rows(1000, 1)}});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(failed.status()), HasSubstr("are free"));
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
}

TEST_F(ExecutionTest, ABudgetIsKept) {
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.instances = 1, .memory_budget_bytes = 4000});
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  const auto failed = model->Run({{"x", Rows(1000, 1)}});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(failed.status()), HasSubstr("budget is 4000 bytes"));
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(2, 3)}})), 7);
}

TEST_F(ExecutionTest, ALostDeviceFailsEveryRequestAndSaysWhy) {
  Restart(
      {.fault_at_work = 8});  // the arena is cleared; a run, the first for warming up, is a copy, a kernel and a copy
  const auto engine = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.instances = 1});
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 3)}})), 7);
  EXPECT_THAT(Message(model->Run({{"x", Rows(1, 3)}}).status()), HasSubstr("E_DEVICE"));
  std::vector<Future> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(*model->Submit(RequestOf(Rows(1, 3))));
  for (Future& future : futures) EXPECT_THAT(Message(future.Get().status()), HasSubstr("lost to this process"));
}

}  // namespace
}  // namespace moulin::cuda
