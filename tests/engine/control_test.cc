// Choices and loops, driven by the engine: sizes that change from one iteration to the next, deadlines, errors.
#include <chrono>
#include <thread>

#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const TensorType kVector = {DType::kFloat32, {kUnknownDim}};
const TensorType kScalar = {DType::kFloat32, Shape()};

// A graph of a vector and a scalar.
template <typename Make>
std::shared_ptr<Graph> Region(Make make) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", kVector);
  const ValueId limit = graph->AddInput("limit", kScalar);
  for (const ValueId v : make(b, x, limit)) graph->AddOutput("", v);
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

std::shared_ptr<Graph> SumBelowLimit() {
  return Region([](GraphBuilder& b, ValueId x, ValueId limit) {
    return std::vector<ValueId>{b.Binary(ExprOp::kLess, b.Reduce(ReduceOp::kSum, x, {0}, false), limit)};
  });
}
std::shared_ptr<Graph> Doubled() {  // twice as long
  return Region([](GraphBuilder& b, ValueId x, ValueId limit) {
    return std::vector<ValueId>{b.Concat({x, x}, 0), limit};
  });
}
std::shared_ptr<Graph> Same() {
  return Region([](GraphBuilder&, ValueId x, ValueId limit) { return std::vector<ValueId>{x, limit}; });
}

// (x, limit) -> the loop's x, negated after it
std::shared_ptr<Graph> LoopGraph(std::shared_ptr<const Graph> condition, std::shared_ptr<const Graph> body) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", kVector);
  const ValueId limit = graph->AddInput("limit", kScalar);
  b.SetOrigin("loop", "While");
  const auto results = b.AddMulti(OpKind::kWhile, WhileAttrs{std::move(condition), std::move(body)},
                                  {b.Binary(ExprOp::kAdd, x, b.Scalar(DType::kFloat32, 1)), limit});
  graph->AddOutput("y", b.Unary(ExprOp::kNeg, results[0]));
  graph->AddOutput("limit", results[1]);
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

NamedTensors Inputs(std::initializer_list<float> x, float limit) {
  return {{"x", Tensor::Of<float>(Shape({static_cast<int64_t>(x.size())}), x)}, {"limit", Tensor::Scalar(limit)}};
}

TEST(ControlTest, AVariableGrows) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, LoopGraph(SumBelowLimit(), Doubled()), "m");
  for (int round = 0; round < 2; ++round) {
    const auto grown = model->Run(Inputs({0, 1}, 10));  // [1, 2] is doubled twice
    ASSERT_TRUE(grown.ok()) << grown.status();
    EXPECT_THAT(grown->at(0).second.values<float>(), ElementsAre(-1, -2, -1, -2, -1, -2, -1, -2));
    EXPECT_THAT(grown->at(1).second.values<float>(), ElementsAre(10));
    const auto asynchronous = model->Submit({.inputs = Inputs({0, 1}, 5)})->Get();
    ASSERT_TRUE(asynchronous.ok()) << asynchronous.status();
    EXPECT_THAT(asynchronous->at(0).second.values<float>(), ElementsAre(-1, -2, -1, -2));
  }
}

TEST(ControlTest, ALoopMayNotRunAtAll) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, LoopGraph(SumBelowLimit(), Doubled()), "m");
  const auto result = model->Run(Inputs({0, 1}, 0));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->at(0).second.values<float>(), ElementsAre(-1, -2));
}

TEST(ControlTest, ALoopWithoutAnEndEndsWithItsDeadline) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, LoopGraph(SumBelowLimit(), Same()), "m");
  Request request{.inputs = Inputs({0, 1}, 10)};
  request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
  const auto result = model->Submit(std::move(request))->Get();
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded) << result.status();
  EXPECT_TRUE(model->Run(Inputs({0, 1}, 0)).ok());  // the instance is free again
}

TEST(ControlTest, ALoopWithoutAnEndEndsWhenItIsCancelled) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, LoopGraph(SumBelowLimit(), Same()), "m");
  const auto future = model->Submit({.inputs = Inputs({0, 1}, 10)});
  ASSERT_TRUE(future.ok()) << future.status();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that it is on its way
  EXPECT_TRUE(future->Cancel());
  EXPECT_EQ(future->Get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(model->Submit({.inputs = Inputs({0, 1}, 0)})->Get().ok());  // the only instance is free again
}

TEST(ControlTest, TheBranchIsChosenAnewForEachRequest) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", kVector);
  const ValueId limit = graph->AddInput("limit", kScalar);
  const ValueId index = b.Cast(limit, DType::kInt32);
  const auto results = b.AddMulti(OpKind::kCase, CaseAttrs{{Doubled(), Same()}}, {index, x, limit});
  graph->AddOutput("y", results[0]);
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, graph, "m");
  EXPECT_THAT(model->Run(Inputs({3}, 0))->at(0).second.values<float>(), ElementsAre(3, 3));
  EXPECT_THAT(model->Run(Inputs({3}, 1))->at(0).second.values<float>(), ElementsAre(3));
  EXPECT_THAT(model->Run(Inputs({3}, 7))->at(0).second.values<float>(), ElementsAre(3));
}

TEST(ControlTest, AnErrorInABodyNamesItsNode) {
  const auto body = Region([](GraphBuilder& b, ValueId x, ValueId limit) {
    b.SetOrigin("loop/body/add", "AddV2");
    return std::vector<ValueId>{b.Binary(ExprOp::kAdd, x, b.Constant(Tensor::Of<float>(Shape{5}, {1, 2, 3, 4, 5}))),
                                limit};
  });
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, LoopGraph(SumBelowLimit(), body), "m");
  EXPECT_THAT(Message(model->Run(Inputs({0, 1}, 10)).status()), HasSubstr("loop/body/add"));
  EXPECT_TRUE(model->Run(Inputs({0, 1}, 0)).ok());
}

}  // namespace
}  // namespace moulin
