#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class RecognizeAttentionTest : public PassTest {
 protected:
  ValueId Product(ValueId a, ValueId b, bool transpose_b) {
    ContractAttrs attrs;
    attrs.transpose_b = transpose_b;
    return b_.Add(OpKind::kContract, attrs, {a, b});
  }
  ValueId Softmax(ValueId x) { return b_.Add(OpKind::kSoftmax, SoftmaxAttrs{}, {x}); }
  ValueId Scaled(ValueId x) { return b_.Binary(ExprOp::kMul, x, b_.Scalar(DType::kFloat32, 0.5)); }

  void BuildInputs(PartialShape q, PartialShape k, PartialShape v) {
    q_ = Input("q", q);
    k_ = Input("k", k);
    v_ = Input("v", v);
  }
  const AttentionAttrs& attrs() const { return OutputNode().attr<AttentionAttrs>(); }

  ValueId q_, k_, v_;
};

TEST_F(RecognizeAttentionTest, WithScale) {
  BuildInputs({2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6});
  Output(Product(Softmax(Scaled(Product(q_, k_, true))), v_, false));
  EXPECT_TRUE(Apply(RecognizeAttention, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(attrs(), (AttentionAttrs{0.5, true}));
}

TEST_F(RecognizeAttentionTest, DividedAndTransposedAlready) {
  BuildInputs({2, 4, 8}, {2, 8, 5}, {2, 5, 6});
  const ValueId scores = b_.Binary(ExprOp::kDiv, Product(q_, k_, false), b_.Scalar(DType::kFloat32, 4));
  Output(Product(Softmax(scores), v_, false));
  EXPECT_TRUE(Apply(RecognizeAttention, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(attrs(), (AttentionAttrs{0.25, false}));
}

TEST_F(RecognizeAttentionTest, WithMask) {
  BuildInputs({2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6});
  const ValueId mask = Input("mask", {2, 1, 1, 5});
  Output(Product(Softmax(b_.Binary(ExprOp::kAdd, Scaled(Product(q_, k_, true)), mask)), v_, false));
  EXPECT_TRUE(Apply(RecognizeAttention, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().inputs.size(), 4u);
}

// Scale and a mask computed from another input, fused into the product's epilogue and one Map.
TEST_F(RecognizeAttentionTest, AfterFusion) {
  BuildInputs({2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6});
  const ValueId keep = Input("keep", {2, 1, 1, 5});
  const ValueId mask = b_.Binary(ExprOp::kMul, b_.Binary(ExprOp::kSub, b_.Scalar(DType::kFloat32, 1), keep),
                                 b_.Scalar(DType::kFloat32, -4));
  Output(Product(Softmax(b_.Binary(ExprOp::kAdd, mask, Scaled(Product(q_, k_, true)))), v_, false));
  ASSERT_TRUE(*FuseMaps(&graph_, options_));
  ASSERT_TRUE(*FuseEpilogues(&graph_, options_));
  EXPECT_TRUE(Apply(RecognizeAttention, 1e-5));
  EXPECT_EQ(Count(OpKind::kAttention), 1);
  EXPECT_EQ(Count(OpKind::kContract), 0);
  EXPECT_EQ(graph_.num_nodes(), 2);  // and the mask
}

TEST_F(RecognizeAttentionTest, NotWhereScoresAreReadElsewhere) {
  BuildInputs({2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6});
  const ValueId scores = Product(q_, k_, true);
  Output(Product(Softmax(Scaled(scores)), v_, false));
  Output(scores, "scores");
  EXPECT_FALSE(Apply(RecognizeAttention));
}

TEST_F(RecognizeAttentionTest, NotWhereProbabilitiesAreAnOutput) {
  BuildInputs({2, 3, 4, 8}, {2, 3, 5, 8}, {2, 3, 5, 6});
  const ValueId probabilities = Softmax(Product(q_, k_, true));
  Output(Product(probabilities, v_, false));
  Output(probabilities, "probabilities");
  EXPECT_FALSE(Apply(RecognizeAttention));
}

TEST_F(RecognizeAttentionTest, NotWhereBatchesBroadcastOrAreUnknown) {
  BuildInputs({2, 3, 4, 8}, {1, 3, 5, 8}, {2, 3, 5, 6});
  Output(Product(Softmax(Product(q_, k_, true)), v_, false));
  EXPECT_FALSE(Apply(RecognizeAttention));
  graph_.value(k_).type.shape = {kUnknownDim, 3, 5, 8};
  EXPECT_FALSE(*RecognizeAttention(&graph_, options_));
}

TEST_F(RecognizeAttentionTest, NotWhereTheMaskWidensTheScores) {
  BuildInputs({1, 3, 4, 8}, {1, 3, 5, 8}, {1, 3, 5, 6});
  const ValueId mask = Input("mask", {2, 1, 1, 5});
  Output(Product(Softmax(b_.Binary(ExprOp::kAdd, Product(q_, k_, true), mask)), v_, false));
  EXPECT_FALSE(Apply(RecognizeAttention));
}

}  // namespace
}  // namespace moulin::testing
