#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class RecognizeSoftmaxTest : public PassTest {
 protected:
  ValueId Shifted(ValueId x, int64_t axis = -1) {
    return b_.Binary(ExprOp::kSub, x, b_.Reduce(ReduceOp::kMax, x, {axis}, /*keep_dims=*/true));
  }
  ValueId Ratio(ValueId e, int64_t axis = -1) {
    return b_.Binary(ExprOp::kDiv, e, b_.Reduce(ReduceOp::kSum, e, {axis}, /*keep_dims=*/true));
  }
};

TEST_F(RecognizeSoftmaxTest, WrittenOut) {
  Output(Ratio(b_.Unary(ExprOp::kExp, Shifted(Input("x", {kUnknownDim, 3, 7})))));
  EXPECT_TRUE(Apply(RecognizeSoftmax, 1e-6));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().kind, OpKind::kSoftmax);
}

TEST_F(RecognizeSoftmaxTest, AxisCountedFromTheFront) {
  Output(Ratio(b_.Unary(ExprOp::kExp, Shifted(Input("x", {kUnknownDim, 3, 7}), 2)), 2));
  EXPECT_TRUE(Apply(RecognizeSoftmax, 1e-6));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeSoftmaxTest, InsideAGraph) {
  Output(b_.Unary(ExprOp::kNeg, Ratio(b_.Unary(ExprOp::kExp, Shifted(Input("x", {kUnknownDim, 7}))))));
  EXPECT_TRUE(Apply(RecognizeSoftmax, 1e-6));
  EXPECT_EQ(Count(OpKind::kSoftmax), 1);
}

TEST_F(RecognizeSoftmaxTest, FusedExponential) {
  const ValueId x = Input("x", {kUnknownDim, 7});
  const ValueId max = b_.Reduce(ReduceOp::kMax, x, {1}, true);
  Expr e;
  const int shifted = e.Binary(ExprOp::kSub, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Unary(ExprOp::kExp, shifted);
  Output(Ratio(b_.Map(e, {x, max})));
  EXPECT_TRUE(Apply(RecognizeSoftmax, 1e-6));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeSoftmaxTest, Logarithm) {
  const ValueId shifted = Shifted(Input("x", {2, 7}));
  const ValueId sum = b_.Reduce(ReduceOp::kSum, b_.Unary(ExprOp::kExp, shifted), {-1}, true);
  Output(b_.Binary(ExprOp::kSub, shifted, b_.Unary(ExprOp::kLog, sum)));
  EXPECT_TRUE(Apply(RecognizeSoftmax, 1e-6));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_TRUE(OutputNode().attr<SoftmaxAttrs>().log);
}

TEST_F(RecognizeSoftmaxTest, NotOverAnotherAxis) {
  Output(Ratio(b_.Unary(ExprOp::kExp, Shifted(Input("x", {2, 3, 7}), 1)), 1));
  EXPECT_FALSE(Apply(RecognizeSoftmax));
}

TEST_F(RecognizeSoftmaxTest, NotWithoutTheMaximum) {
  Output(Ratio(b_.Unary(ExprOp::kExp, Input("x", {2, 7}))));
  EXPECT_FALSE(Apply(RecognizeSoftmax));
}

TEST_F(RecognizeSoftmaxTest, NotWithAnothersSum) {
  const ValueId e = b_.Unary(ExprOp::kExp, Shifted(Input("x", {2, 7})));
  Output(b_.Binary(ExprOp::kDiv, e, b_.Reduce(ReduceOp::kSum, b_.Unary(ExprOp::kNeg, e), {1}, true)));
  EXPECT_FALSE(Apply(RecognizeSoftmax));
}

}  // namespace
}  // namespace moulin::testing
