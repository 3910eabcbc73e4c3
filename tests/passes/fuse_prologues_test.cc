#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;

class FuseProloguesTest : public PassTest {
 protected:
  FuseProloguesTest() { options_.fuse_prologues = true; }

  ValueId Sum(ValueId x, int64_t axis = 1) { return b_.Reduce(ReduceOp::kSum, x, {axis}, /*keep_dims=*/false); }
  std::string Prologue() const { return OutputNode().attr<ReduceAttrs>().prologue.ToString(); }
};

TEST_F(FuseProloguesTest, AMapBecomesTheProloguesOfItsReduction) {
  const ValueId x = Input("x", {3, 4}), y = Input("y", {4});
  Output(Sum(b_.Binary(ExprOp::kMul, x, y)));
  EXPECT_TRUE(Apply(FusePrologues));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(Prologue(), "Mul($0, $1)");
  ASSERT_EQ(OutputNode().inputs.size(), 3u);
  EXPECT_EQ(OutputNode().inputs[0], x);
  EXPECT_EQ(OutputNode().inputs[2], y);
}

TEST_F(FuseProloguesTest, EveryOperation) {
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kProd, ReduceOp::kMax, ReduceOp::kMin}) {
    graph_ = Graph();
    Output(b_.Reduce(op, b_.Unary(ExprOp::kTanh, Input("x", {3, 4})), {0, 1}, /*keep_dims=*/true));
    EXPECT_TRUE(Apply(FusePrologues));
    EXPECT_EQ(Prologue(), "Tanh($0)");
  }
  for (const ReduceOp op : {ReduceOp::kAny, ReduceOp::kAll}) {
    graph_ = Graph();
    Output(b_.Reduce(op, b_.Binary(ExprOp::kLess, Input("x", {3, 4}), Input("y", {3, 1})), {0}, false));
    EXPECT_TRUE(Apply(FusePrologues));
    EXPECT_EQ(Prologue(), "Less($0, $1)");
  }
}

// Neither operand has the shape of what is reduced, nor its type.
TEST_F(FuseProloguesTest, OperandsAreBroadcastAndCast) {
  const ValueId x = Input("x", {3, 1}, DType::kFloat16), y = Input("y", {2, 1, 4}, DType::kFloat16);
  Output(Sum(b_.Cast(b_.Binary(ExprOp::kAdd, x, y), DType::kFloat32), 2));
  ASSERT_TRUE(*FuseMaps(&graph_, options_));
  EXPECT_TRUE(Apply(FusePrologues));
  EXPECT_EQ(graph_.value(graph_.outputs()[0].value).type, (TensorType{DType::kFloat32, PartialShape({2, 3})}));
}

TEST_F(FuseProloguesTest, WaitsUntilShapesAreKnown) {
  Output(Sum(b_.Unary(ExprOp::kExp, Input("x", {kUnknownDim, 4}))));
  EXPECT_FALSE(Apply(FusePrologues));
}

TEST_F(FuseProloguesTest, LeavesMapsReadElsewhere) {
  const ValueId map = b_.Unary(ExprOp::kExp, Input("x", {3, 4}));
  Output(Sum(map, 0), "sum");
  Output(b_.Binary(ExprOp::kMul, map, Input("y", {4})));
  EXPECT_FALSE(Apply(FusePrologues));
}

TEST_F(FuseProloguesTest, LeavesMapsThatAreOutputs) {
  const ValueId map = b_.Unary(ExprOp::kExp, Input("x", {3, 4}));
  Output(Sum(map), "sum");
  Output(map);
  EXPECT_FALSE(Apply(FusePrologues));
}

TEST_F(FuseProloguesTest, LeavesComplexNumbers) {
  const ValueId x = Input("x", {3, 4}, DType::kComplex64);
  Output(Sum(b_.Unary(ExprOp::kReal, x)));
  EXPECT_FALSE(Apply(FusePrologues));
}

TEST_F(FuseProloguesTest, OnlyWhereTheDeviceAsks) {
  options_.fuse_prologues = false;
  Output(Sum(b_.Unary(ExprOp::kExp, Input("x", {3, 4}))));
  EXPECT_FALSE(Apply(FusePrologues));
}

// What is fused stays as it is when the pipeline runs again.
TEST_F(FuseProloguesTest, TheOtherPassesLeaveIt) {
  const ValueId x = Input("x", {3, 4});
  Output(b_.Reduce(ReduceOp::kMean, b_.Unary(ExprOp::kExp, x), {}, false), "nothing");
  Output(b_.Reduce(ReduceOp::kSum, b_.Unary(ExprOp::kExp, b_.Reshape(x, b_.Ints({12, 1}))), {1}, false), "one");
  ASSERT_TRUE(Apply(FusePrologues));
  const std::unique_ptr<Graph> before = graph_.Clone();
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  EXPECT_EQ(Count(OpKind::kReduce), 2) << GraphToString(graph_);
  ExpectSameResults(*before, graph_, 0);
}

}  // namespace
}  // namespace moulin::testing
