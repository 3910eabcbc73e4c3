#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class FuseMapsTest : public PassTest {};

TEST_F(FuseMapsTest, FusesAChain) {
  const ValueId x = Input("x", {kUnknownDim, 4});
  const ValueId biased = b_.Binary(ExprOp::kAdd, x, Constant(Shape({4})));
  Output(b_.Unary(ExprOp::kRelu, b_.Unary(ExprOp::kNeg, biased)));
  EXPECT_TRUE(Apply(FuseMaps));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Relu(Neg(Add($0, $1)))");
}

TEST_F(FuseMapsTest, FusesDiamonds) {
  const ValueId x = b_.Unary(ExprOp::kNeg, Input("x", {kUnknownDim, 4}));
  Output(b_.Binary(ExprOp::kMul, x, b_.Unary(ExprOp::kSigmoid, x)));
  EXPECT_TRUE(Apply(FuseMaps));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(FuseMapsTest, ScalarsBecomeConstantsOfTheExpression) {
  const ValueId x = Input("x", {kUnknownDim, 4});
  const ValueId one = graph_.AddConstant(Tensor::Of<float>(Shape({1}), {1.5f}));
  Output(b_.Binary(ExprOp::kAdd, x, one));
  EXPECT_TRUE(Apply(FuseMaps));
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Add($0, 1.5)");
  EXPECT_EQ(OutputNode().inputs.size(), 1u);
}

TEST_F(FuseMapsTest, KeepsScalarsThatDecideTheRank) {
  const ValueId x = Input("x", Shape());
  Output(b_.Binary(ExprOp::kAdd, x, graph_.AddConstant(Tensor::Of<float>(Shape({1, 1}), {1.5f}))));
  EXPECT_FALSE(Apply(FuseMaps));
}

TEST_F(FuseMapsTest, Keeps64BitIntegersExact) {
  const ValueId x = Input("x", {4}, DType::kInt64);
  Output(b_.Binary(ExprOp::kAdd, x, b_.Int((int64_t{1} << 62) + 1)));
  EXPECT_TRUE(Apply(FuseMaps));
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Add($0, 4611686018427387905)");
}

TEST_F(FuseMapsTest, KeepsWhatOthersRead) {
  const ValueId x = b_.Unary(ExprOp::kNeg, Input("x", {2, 4}));
  Output(b_.Unary(ExprOp::kRelu, x));
  Output(b_.Reduce(ReduceOp::kSum, x, {1}, false), "sum");
  EXPECT_FALSE(Apply(FuseMaps));
}

TEST_F(FuseMapsTest, KeepsOutputs) {
  const ValueId x = b_.Unary(ExprOp::kNeg, Input("x", {2, 4}));
  Output(x, "x2");
  Output(b_.Unary(ExprOp::kRelu, x));
  EXPECT_FALSE(Apply(FuseMaps));
}

TEST_F(FuseMapsTest, DoesNotRecomputeWhatIsBroadcast) {
  const ValueId x = b_.Unary(ExprOp::kExp, Input("x", {4}));
  Output(b_.Binary(ExprOp::kAdd, x, Input("y", {100, 4})));
  EXPECT_FALSE(Apply(FuseMaps));
}

TEST_F(FuseMapsTest, RecomputesWhatIsCheapAndSmall) {
  const ValueId x = b_.Unary(ExprOp::kNeg, Input("x", {4}));
  Output(b_.Binary(ExprOp::kAdd, x, Input("y", {100, 4})));
  EXPECT_TRUE(Apply(FuseMaps));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

// Either size may turn out to be 1.
TEST_F(FuseMapsTest, UnknownSizesMayDiffer) {
  const ValueId x = b_.Unary(ExprOp::kExp, Input("x", {kUnknownDim, 4}));
  Output(b_.Binary(ExprOp::kAdd, x, Input("y", {kUnknownDim, 4})));
  EXPECT_FALSE(Apply(FuseMaps));
}

TEST_F(FuseMapsTest, StaysWithinBounds) {
  ValueId v = Input("x", {2, 4});
  for (int i = 0; i < 40; ++i) v = b_.Binary(ExprOp::kAdd, v, Constant(Shape({4}), i + 1));
  for (int i = 0; i < 200; ++i) v = b_.Unary(i % 2 == 0 ? ExprOp::kSin : ExprOp::kCos, v);
  Output(v);
  EXPECT_TRUE(Apply(FuseMaps, 1e-6));
  for (const Node& node : graph_.nodes()) {
    EXPECT_LE(node.inputs.size(), 16u);
    EXPECT_LE(node.attr<MapAttrs>().expr.size(), 64 + 16);
  }
  EXPECT_LE(graph_.num_nodes(), 8);
}

TEST_F(FuseMapsTest, CastsInBetweenStay) {
  const ValueId x = Input("x", {2, 4}, DType::kFloat16);
  Output(b_.Cast(b_.Unary(ExprOp::kExp, b_.Cast(x, DType::kFloat32)), DType::kFloat16));
  EXPECT_TRUE(Apply(FuseMaps));
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Cast(Exp(Cast($0):f32)):f16");
}

}  // namespace
}  // namespace moulin::testing
