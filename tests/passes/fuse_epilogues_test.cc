#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class FuseEpiloguesTest : public PassTest {
 protected:
  ValueId Conv(ValueId x, uint32_t seed = 1) {
    ConvAttrs attrs;
    attrs.strides = {1, 1};
    attrs.dilations = {1, 1};
    attrs.padding = Padding::kSame;
    return b_.Add(OpKind::kConv, attrs, {x, Constant(Shape({3, 3, 2, 2}), seed)});
  }
  ValueId Bias(ValueId x, uint32_t seed = 3) { return b_.Binary(ExprOp::kAdd, x, Constant(Shape({2}), seed)); }
  const Expr& Epilogue() const { return OutputNode().attr<ConvAttrs>().epilogue; }
};

TEST_F(FuseEpiloguesTest, BiasAndActivation) {
  Output(b_.Unary(ExprOp::kRelu, Bias(Conv(Input("x", {kUnknownDim, 4, 4, 2})))));
  EXPECT_TRUE(Apply(FuseEpilogues));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(Epilogue().ToString(), "Relu(Add($0, $1))");
  EXPECT_EQ(OutputNode().inputs.size(), 3u);
}

TEST_F(FuseEpiloguesTest, ScalarsNeedNoOperand) {
  Output(b_.Binary(ExprOp::kMin, Conv(Input("x", {kUnknownDim, 4, 4, 2})), b_.Scalar(DType::kFloat32, 6)));
  EXPECT_TRUE(Apply(FuseEpilogues));
  EXPECT_EQ(Epilogue().ToString(), "Min($0, 6)");
  EXPECT_EQ(OutputNode().inputs.size(), 2u);
}

TEST_F(FuseEpiloguesTest, OfTwoProductsTheLastTakesTheSum) {
  const ValueId x = Input("x", {2, 4, 4, 2});
  const ValueId first = Bias(Conv(x, 1), 5);
  const ValueId second = Bias(Conv(b_.Unary(ExprOp::kRelu, x), 2), 6);
  Output(b_.Unary(ExprOp::kRelu, b_.Binary(ExprOp::kAdd, first, second)));
  EXPECT_TRUE(Apply(FuseEpilogues, 1e-6));
  EXPECT_EQ(Count(OpKind::kMap), 1);
  EXPECT_EQ(Count(OpKind::kConv), 2);
  EXPECT_EQ(Epilogue().ToString(), "Relu(Add($2, Add($0, $1)))");
}

TEST_F(FuseEpiloguesTest, TheProductMayBeReadTwiceByOneMap) {
  const ValueId conv = Conv(Input("x", {kUnknownDim, 4, 4, 2}));
  Output(b_.Binary(ExprOp::kMul, conv, conv));
  EXPECT_TRUE(Apply(FuseEpilogues));
  EXPECT_EQ(Epilogue().ToString(), "Mul($0, $0)");
}

TEST_F(FuseEpiloguesTest, WaitsUntilShapesAreKnown) {
  const ValueId x = Input("x", {kUnknownDim, 4, 4, 2});
  Output(b_.Binary(ExprOp::kAdd, Conv(x), Input("z", {kUnknownDim, 4, 4, 2})));
  EXPECT_FALSE(Apply(FuseEpilogues));
}

TEST_F(FuseEpiloguesTest, LeavesOperandsThatWidenTheResult) {
  const ValueId x = Input("x", {1, 4, 4, 2});
  Output(b_.Binary(ExprOp::kAdd, Conv(x), Input("z", {5, 4, 4, 2})));
  EXPECT_FALSE(Apply(FuseEpilogues));
}

TEST_F(FuseEpiloguesTest, LeavesProductsReadElsewhere) {
  const ValueId conv = Conv(Input("x", {2, 4, 4, 2}));
  Output(b_.Unary(ExprOp::kRelu, conv));
  Output(b_.Reduce(ReduceOp::kMax, conv, {1}, false), "max");
  EXPECT_FALSE(Apply(FuseEpilogues));
}

TEST_F(FuseEpiloguesTest, LeavesProductsThatAreOutputs) {
  const ValueId conv = Conv(Input("x", {2, 4, 4, 2}));
  Output(conv, "conv");
  Output(b_.Unary(ExprOp::kRelu, conv));
  EXPECT_FALSE(Apply(FuseEpilogues));
}

TEST_F(FuseEpiloguesTest, LeavesOtherTypes) {
  Output(b_.Cast(Conv(Input("x", {2, 4, 4, 2})), DType::kFloat16));
  EXPECT_FALSE(Apply(FuseEpilogues));
}

TEST_F(FuseEpiloguesTest, MatrixProductsAndTransposedConvolutions) {
  const ValueId x = Input("x", {2, 4, 4, 2});
  ConvAttrs attrs;
  attrs.strides = {2, 2};
  attrs.dilations = {1, 1};
  attrs.padding = Padding::kSame;
  const ValueId up = b_.Add(OpKind::kConvTranspose, attrs, {b_.Ints({2, 8, 8, 2}), Constant(Shape({3, 3, 2, 2})), x});
  Output(b_.Unary(ExprOp::kRelu, Bias(up)), "up");
  const ValueId m = Input("m", {kUnknownDim, 5});
  Output(Bias(b_.Add(OpKind::kContract, ContractAttrs{}, {m, Constant(Shape({5, 2}))})), "product");
  EXPECT_TRUE(Apply(FuseEpilogues));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

}  // namespace
}  // namespace moulin::testing
