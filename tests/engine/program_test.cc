// Graphs whose shapes depend on values: of inputs, or computed on the way.
#include "engine/program.h"

#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() : builder(graph.get(), Limits()) {}

  std::shared_ptr<Model> Load(const EngineOptions& options = {}) {
    EXPECT_TRUE(builder.ok()) << builder.status();
    engine = ReferenceEngine(options);
    return LoadGraph(*engine, graph, "m");
  }

  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  GraphBuilder builder;
  std::unique_ptr<Engine> engine;
};

TEST_F(ProgramTest, AnInputThatIsAShape) {
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  const ValueId shape = graph->AddInput("shape", {DType::kInt32, PartialShape({2})});
  graph->AddOutput("y", builder.Unary(ExprOp::kNeg, builder.Reshape(x, shape)));
  const auto model = Load();
  const Tensor six = Floats({1, 2, 3, 4, 5, 6});
  for (int round = 0; round < 2; ++round) {
    for (int rows : {2, 3, 1}) {
      Tensor sizes = Tensor::Of<int32_t>(Shape({2}), {rows, 6 / rows});
      const auto result = model->Run({{"x", six}, {"shape", sizes}});
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->front().second.shape(), Shape({rows, 6 / rows}));
      EXPECT_THAT(result->front().second.values<float>(), ElementsAre(-1, -2, -3, -4, -5, -6));
      sizes.mutable_values<int32_t>()[0] = 77;  // the caller's to write once the request is done
    }
  }
  EXPECT_EQ(model->stats().plans, 3);
  const auto misfit = model->Run({{"x", six}, {"shape", Tensor::Of<int32_t>(Shape({2}), {4, 2})}});
  EXPECT_EQ(misfit.status().code(), absl::StatusCode::kInvalidArgument) << misfit.status();
  EXPECT_EQ(model->stats().plans, 3);
}

// The places of the elements below zero, and what is there, summed: two stages.
TEST_F(ProgramTest, AResultOfUnknownShape) {
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  const ValueId negative = builder.Binary(ExprOp::kLess, x, builder.Scalar(DType::kFloat32, 0));
  const ValueId places = builder.Add(OpKind::kWhere, NoAttrs(), {negative});
  const ValueId values = builder.Add(OpKind::kGatherNd, GatherAttrs(), {x, places});
  graph->AddOutput("places", places);
  graph->AddOutput("abs", builder.Unary(ExprOp::kNeg, values));
  graph->AddOutput("sum", builder.Reduce(ReduceOp::kSum, values, {0}, /*keep_dims=*/false));
  graph->AddOutput("flags", builder.Unary(ExprOp::kNot, negative));
  const auto model = Load();
  const auto result = model->Run({{"x", Floats({1, -2, 3, -4, -5})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->at(0).second.values<int64_t>(), ElementsAre(1, 3, 4));
  EXPECT_THAT(result->at(1).second.values<float>(), ElementsAre(2, 4, 5));
  EXPECT_THAT(result->at(2).second.values<float>(), ElementsAre(-11));
  EXPECT_THAT(result->at(3).second.values<bool>(), ElementsAre(true, false, true, false, false));
  // As many elements, but fewer are negative; then none.
  EXPECT_THAT(model->Run({{"x", Floats({1, -2, 3, 4, 5})}})->at(1).second.values<float>(), ElementsAre(2));
  const auto none = model->Submit({.inputs = {{"x", Floats({1, 2, 3, 4, 5})}}})->Get();
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->at(1).second.shape(), Shape({0}));
  EXPECT_THAT(none->at(2).second.values<float>(), ElementsAre(0));
}

// A vector of as many ones as elements are negative, twice over: its length is a value computed on the way.
TEST_F(ProgramTest, AComputedSize) {
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  const ValueId negative = builder.Binary(ExprOp::kLess, x, builder.Scalar(DType::kFloat32, 0));
  const ValueId count = builder.Reduce(ReduceOp::kSum, builder.Cast(negative, DType::kInt32), {0}, /*keep_dims=*/true);
  const ValueId twice = builder.Binary(ExprOp::kAdd, count, count);
  graph->AddOutput("ones", builder.Add(OpKind::kBroadcast, NoAttrs(), {builder.Scalar(DType::kFloat32, 1), twice}));
  const auto model = Load();
  EXPECT_THAT(model->Run({{"x", Floats({-1, 1, -1})}})->at(0).second.values<float>(), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(model->Run({{"x", Floats({-1, 1, 1})}})->at(0).second.values<float>(), ElementsAre(1, 1));
}

// Three stages, one behind the other.
TEST_F(ProgramTest, StageAfterStage) {
  ValueId v = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  for (float limit : {1.f, 2.f, 3.f}) {
    const ValueId keep = builder.Binary(ExprOp::kGreater, v, builder.Scalar(DType::kFloat32, limit));
    v = builder.Add(OpKind::kGatherNd, GatherAttrs(), {v, builder.Add(OpKind::kWhere, NoAttrs(), {keep})});
  }
  graph->AddOutput("y", v);
  const auto model = Load();
  for (int round = 0; round < 3; ++round) {
    const auto result = model->Run({{"x", Floats({5, 1, 2, 4, 3})}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(result->at(0).second.values<float>(), ElementsAre(5, 4));
  }
}

TEST_F(ProgramTest, OutputsThatAreInputsOrConstants) {
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  graph->AddOutput("same", x);
  graph->AddOutput("constant", builder.Scalar(DType::kFloat32, 7));
  const auto model = Load();
  const Tensor given = Floats({1, 2});
  const auto result = model->Run({{"x", given}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->at(0).second.values<float>(), ElementsAre(1, 2));
  EXPECT_NE(result->at(0).second.data(), given.data());
  EXPECT_THAT(result->at(1).second.values<float>(), ElementsAre(7));
}

TEST_F(ProgramTest, MisfitsBetweenInputsNameTheNode) {
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  const ValueId z = graph->AddInput("z", {DType::kFloat32, PartialShape({kUnknownDim})});
  builder.SetOrigin("sum", "AddV2");
  graph->AddOutput("y", builder.Binary(ExprOp::kAdd, x, z));
  const auto model = Load();
  const auto result = model->Run({{"x", Floats({1, 2})}, {"z", Floats({1, 2, 3})}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(result.status()), HasSubstr("node \"sum\" (op AddV2); model \"m\""));
}

}  // namespace
}  // namespace moulin
