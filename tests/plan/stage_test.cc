#include "plan/stage.h"

#include "gmock/gmock.h"
#include "tests/plan/plan_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> NodeNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.push_back(node.name);
  return names;
}

TEST(StageTest, KnownShapesAreOneStage) {
  GraphMaker m;
  m.Output("y", m.Tanh("t", m.Input("x")));
  const StageSplit split = SplitStage(*m.graph()).value();
  EXPECT_EQ(split.rest, nullptr);
  EXPECT_THAT(split.outputs, ElementsAre(0));
  EXPECT_THAT(NodeNames(*split.now), ElementsAre("t"));
}

// y = tanh(x); places = Where(x < c); picked = cast(places): beyond Where shapes are unknown.
TEST(StageTest, CutsBehindAResultOfUnknownShape) {
  GraphMaker m;
  GraphBuilder& b = m.builder();
  const ValueId x = m.Input("x");
  m.Output("y", m.Tanh("t", x));
  b.SetOrigin("less", "Less");
  const ValueId less = b.Binary(ExprOp::kLess, x, m.Constant("c", 1));
  b.SetOrigin("where", "Where");
  const ValueId where = b.Add(OpKind::kWhere, NoAttrs(), {less});
  b.SetOrigin("cast", "Cast");
  m.Output("picked", b.Cast(where, DType::kFloat32));
  m.Output("places", where);
  b.SetOrigin("last", "Gather");
  m.Output("gathered", b.Add(OpKind::kGatherNd, GatherAttrs(), {x, where}));
  const StageSplit split = SplitStage(*m.graph()).value();
  EXPECT_THAT(NodeNames(*split.now), ElementsAre("t", "less", "where"));
  ASSERT_NE(split.rest, nullptr);
  EXPECT_THAT(NodeNames(*split.rest), ElementsAre("cast", "last"));
  EXPECT_THAT(split.outputs, ElementsAre(0, ~0, 1, ~1));
  ASSERT_EQ(split.rest_inputs.size(), 2);
  EXPECT_EQ(split.rest_inputs[0].from, StageSplit::Source::From::kStageOutput);
  EXPECT_EQ(split.rest_inputs[0].index, 1);  // "places", an output already
  EXPECT_EQ(split.rest_inputs[1].from, StageSplit::Source::From::kStageInput);
  EXPECT_EQ(split.rest_inputs[1].index, 0);
  EXPECT_TRUE(VerifyGraph(*split.now).ok());
  EXPECT_TRUE(VerifyGraph(*split.rest).ok());
}

// y = tanh(case(i, tanh(x)))
TEST(StageTest, AChoiceIsAStageOfItsOwnUnlessItIsAStep) {
  GraphMaker branch;
  branch.Output("y", branch.Tanh("within", branch.Input("x")));
  GraphMaker m;
  GraphBuilder& b = m.builder();
  const ValueId x = m.Tanh("first", m.Input("x"));
  const ValueId index = m.graph()->AddInput("i", {DType::kInt32, Shape()});
  b.SetOrigin("choice", "Case");
  const ValueId chosen = b.AddMulti(OpKind::kCase, CaseAttrs{{branch.graph()}}, {index, x})[0];
  m.Output("y", m.Tanh("last", chosen));
  const StageSplit driven = SplitStage(*m.graph()).value();
  EXPECT_THAT(NodeNames(*driven.now), ElementsAre("first"));
  EXPECT_THAT(NodeNames(*driven.rest), ElementsAre("choice", "last"));
  const StageSplit whole = SplitStage(*m.graph(), {m.graph()->value(chosen).producer}).value();
  EXPECT_FALSE(whole.is_control);
  EXPECT_EQ(whole.rest, nullptr);
  EXPECT_THAT(NodeNames(*whole.now), ElementsAre("first", "choice", "last"));
}

TEST(StageTest, ComputedSizesAreOutputsOfTheFirstStage) {
  GraphMaker m;
  GraphBuilder& b = m.builder();
  const ValueId x = m.Input("x");
  b.SetOrigin("count", "Sum");
  const ValueId ones = b.Cast(b.Binary(ExprOp::kLess, x, m.Constant("c", 1)), DType::kInt32);
  const ValueId count = b.Reduce(ReduceOp::kSum, ones, {0}, /*keep_dims=*/true);
  b.SetOrigin("fill", "Fill");
  m.Output("y", b.Add(OpKind::kBroadcast, NoAttrs(), {b.Scalar(DType::kFloat32, 3), count}));
  const StageSplit split = SplitStage(*m.graph()).value();
  ASSERT_NE(split.rest, nullptr);
  EXPECT_THAT(NodeNames(*split.rest), ElementsAre("fill"));
  EXPECT_EQ(split.now->outputs().size(), 1);
  EXPECT_THAT(InputsReadAsShapes(*split.rest), ElementsAre(true));
}

TEST(StageTest, InputsReadAsShapesThroughArithmetic) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  const ValueId rows = graph->AddInput("rows", {DType::kInt32, PartialShape(Shape())});
  const ValueId other = graph->AddInput("other", {DType::kInt32, PartialShape(Shape())});
  const ValueId doubled = b.Binary(ExprOp::kMul, rows, b.Scalar(DType::kInt32, 2));
  const ValueId shape = b.Concat({b.ExpandDims(doubled, 0), b.Cast(b.Ints({-1}), DType::kInt32)}, 0);
  graph->AddOutput("y", b.Reshape(x, shape));
  graph->AddOutput("z", b.Binary(ExprOp::kAdd, other, b.Scalar(DType::kInt32, 2)));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_THAT(InputsReadAsShapes(*graph), ElementsAre(false, true, false));
}

// The greatest of a batch's lengths decides a shape: rather a stage more than a plan for each batch of lengths.
TEST(StageTest, LongInputsAreNotReadAsShapes) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId lengths = graph->AddInput("lengths", {DType::kInt32, PartialShape({kUnknownDim})});
  const ValueId longest = b.Reduce(ReduceOp::kMax, lengths, {0}, /*keep_dims=*/false);
  const ValueId zero = b.Scalar(DType::kInt32, 0), one = b.Scalar(DType::kInt32, 1);
  graph->AddOutput("steps", b.Add(OpKind::kRange, NoAttrs(), {zero, longest, one}));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_THAT(InputsReadAsShapes(*graph), ElementsAre(false));
}

TEST(StageTest, NothingToStartWithIsAnError) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  b.SetOrigin("reshape", "Reshape");
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({4})});
  const ValueId shape = graph->AddInput("shape", {DType::kInt32, PartialShape({kUnknownDim})});
  graph->AddOutput("y", b.Reshape(x, shape));
  const auto split = SplitStage(*graph);
  EXPECT_FALSE(split.ok());
  EXPECT_THAT(std::string(split.status().message()), HasSubstr("node \"reshape\""));
}

// An op that is lowered later, of x and the elements of `factor`.
ValueId AddDeferred(GraphMaker& m, ValueId x, ValueId factor) {
  DeferredAttrs attrs;
  attrs.output_types = {DType::kFloat32};
  attrs.waits_for = "the factor";
  attrs.constant_inputs = Input(1);
  m.builder().SetOrigin("late", "Late");
  return m.builder().Add(OpKind::kDeferred, std::move(attrs), {x, factor});
}

TEST(StageTest, WhatADeferredOpWaitsForIsLeftToTheNextStage) {
  GraphMaker m;
  const ValueId x = m.Input("x");
  m.Output("y", AddDeferred(m, x, m.Tanh("t", x)));
  const StageSplit split = SplitStage(*m.graph()).value();
  EXPECT_THAT(NodeNames(*split.now), ElementsAre("t"));
  ASSERT_NE(split.rest, nullptr);
  EXPECT_THAT(NodeNames(*split.rest), ElementsAre("late"));
  EXPECT_EQ(InputsReadAsShapes(*split.rest), std::vector<bool>({false, true}));
}

TEST(StageTest, ADeferredOpMayWaitForElementsOfAnInputAlone) {
  GraphMaker m;
  const ValueId x = m.Input("x"), factor = m.Input("factor");
  m.Output("y", AddDeferred(m, x, factor));
  EXPECT_EQ(InputsReadAsShapes(*m.graph()), std::vector<bool>({false, true}));
  const StageSplit split = SplitStage(*m.graph()).value();
  EXPECT_EQ(split.now->num_nodes(), 0);
  ASSERT_NE(split.rest, nullptr);
}

TEST(StageTest, ADeferredOpWithNothingToWaitForIsNamed) {
  GraphMaker m;
  m.Output("y", AddDeferred(m, m.Input("x"), m.Constant("c", 1)));
  const StatusOr<StageSplit> split = SplitStage(*m.graph());
  ASSERT_FALSE(split.ok());
  EXPECT_THAT(split.status().ToString(), HasSubstr("the factor"));
}

}  // namespace
}  // namespace moulin
