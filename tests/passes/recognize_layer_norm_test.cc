#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class RecognizeLayerNormTest : public PassTest {
 protected:
  struct Parts {
    ValueId x, mean, root;
  };
  Parts Normalizer(ValueId x, double epsilon = 1e-3) {
    const ValueId mean = b_.Reduce(ReduceOp::kMean, x, {-1}, /*keep_dims=*/true);
    const ValueId d = Sub(x, mean);
    const ValueId variance = b_.Reduce(ReduceOp::kMean, Mul(d, d), {-1}, /*keep_dims=*/true);
    return {x, mean, b_.Unary(ExprOp::kRsqrt, Add(variance, b_.Scalar(DType::kFloat32, epsilon)))};
  }
  ValueId Add(ValueId a, ValueId b) { return b_.Binary(ExprOp::kAdd, a, b); }
  ValueId Sub(ValueId a, ValueId b) { return b_.Binary(ExprOp::kSub, a, b); }
  ValueId Mul(ValueId a, ValueId b) { return b_.Binary(ExprOp::kMul, a, b); }

  const ValueId x_ = Input("x", {kUnknownDim, 5, 8});
  const ValueId scale_ = Constant(Shape({8}), 2);
  const ValueId offset_ = Constant(Shape({8}), 3);
};

// x * (r * scale) + (offset - mean * (r * scale)): tf.nn.batch_normalization, as BERT has it.
TEST_F(RecognizeLayerNormTest, AsBatchNormalizationWritesIt) {
  const Parts p = Normalizer(x_);
  const ValueId factor = Mul(p.root, scale_);
  Output(Add(Mul(x_, factor), Sub(offset_, Mul(p.mean, factor))));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().kind, OpKind::kLayerNorm);
  EXPECT_EQ(OutputNode().attr<LayerNormAttrs>().epsilon, static_cast<float>(1e-3));
}

// (x - mean) * r * scale + offset.
TEST_F(RecognizeLayerNormTest, AsTheFormulaHasIt) {
  const Parts p = Normalizer(x_);
  Output(Add(offset_, Mul(scale_, Mul(Sub(x_, p.mean), p.root))));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

// x * inv + (offset + -mean * inv): Keras 3.
TEST_F(RecognizeLayerNormTest, AsKerasWritesIt) {
  const Parts p = Normalizer(x_);
  const ValueId factor = Mul(p.root, scale_);
  Output(Add(Mul(x_, factor), Add(Mul(b_.Unary(ExprOp::kNeg, p.mean), factor), offset_)));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeLayerNormTest, DividingByTheRoot) {
  const ValueId mean = b_.Reduce(ReduceOp::kMean, x_, {2}, true);
  const ValueId d = Sub(x_, mean);
  const ValueId variance = b_.Reduce(ReduceOp::kMean, Mul(d, d), {2}, true);
  const ValueId root = b_.Unary(ExprOp::kSqrt, Add(b_.Scalar(DType::kFloat32, 1e-3), variance));
  Output(Mul(b_.Binary(ExprOp::kDiv, d, root), scale_));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeLayerNormTest, WithoutScaleAndOffset) {
  const Parts p = Normalizer(x_);
  Output(Mul(Sub(x_, p.mean), p.root));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeLayerNormTest, OfASum) {
  const Parts p = Normalizer(Add(x_, Input("z", {kUnknownDim, 5, 8})));
  Output(Add(Mul(Mul(Sub(p.x, p.mean), p.root), scale_), offset_));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(RecognizeLayerNormTest, OneBehindTheOther) {
  const Parts p = Normalizer(x_);
  const ValueId first = Add(Mul(Mul(Sub(x_, p.mean), p.root), scale_), offset_);
  const Parts q = Normalizer(first);
  Output(Add(Mul(Mul(Sub(first, q.mean), q.root), scale_), offset_));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-4));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

// As the pipeline leaves it where it could not be recognised the first time.
TEST_F(RecognizeLayerNormTest, AfterFusion) {
  const Parts p = Normalizer(x_);
  const ValueId factor = Mul(p.root, scale_);
  Output(Add(Mul(x_, factor), Sub(offset_, Mul(p.mean, factor))));
  ASSERT_TRUE(*FuseMaps(&graph_, options_));
  EXPECT_TRUE(Apply(RecognizeLayerNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(RecognizeLayerNormTest, NotWithAnotherMean) {
  const Parts p = Normalizer(x_);
  const ValueId other = b_.Reduce(ReduceOp::kMax, x_, {-1}, true);
  Output(Mul(Sub(x_, other), p.root));
  EXPECT_FALSE(Apply(RecognizeLayerNorm));
}

TEST_F(RecognizeLayerNormTest, NotWithAnotherFactor) {
  const Parts p = Normalizer(x_);
  Output(Sub(Mul(x_, Mul(p.root, scale_)), Mul(p.mean, p.root)));
  EXPECT_FALSE(Apply(RecognizeLayerNorm));
}

TEST_F(RecognizeLayerNormTest, NotOverAnotherAxis) {
  const ValueId mean = b_.Reduce(ReduceOp::kMean, x_, {1}, true);
  const ValueId d = Sub(x_, mean);
  const ValueId variance = b_.Reduce(ReduceOp::kMean, Mul(d, d), {1}, true);
  Output(Mul(d, b_.Unary(ExprOp::kRsqrt, Add(variance, b_.Scalar(DType::kFloat32, 1e-3)))));
  EXPECT_FALSE(Apply(RecognizeLayerNorm));
}

}  // namespace
}  // namespace moulin::testing
