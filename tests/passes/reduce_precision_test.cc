#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class ReducePrecisionTest : public PassTest {
 protected:
  ReducePrecisionTest() { graph_.precision = Precision::kFloat16; }

  ValueId Conv(ValueId x, uint32_t seed = 1) {
    ConvAttrs attrs;
    attrs.strides = {1, 1};
    attrs.dilations = {1, 1};
    attrs.padding = Padding::kSame;
    return b_.Add(OpKind::kConv, attrs, {x, Constant(Shape({3, 3, 2, 2}), seed)});
  }
  ValueId Bias(ValueId x, uint32_t seed = 3) { return b_.Binary(ExprOp::kAdd, x, Constant(Shape({2}), seed)); }
  // Both sides are run by the reference, which rounds after each step of the half type: a sum of 18 products of numbers
  // below 1 is off by at most 18 roundings of 2^-11, and three layers are chained.
  static constexpr double kTolerance = 3 * 18 * 4.9e-4;

  DType TypeOf(ValueId v) const { return graph_.value(v).type.dtype; }
  const Node& Only(OpKind kind) const {
    for (const Node& node : graph_.nodes()) {
      if (node.kind == kind) return node;
    }
    return graph_.node(0);
  }
};

TEST_F(ReducePrecisionTest, StrictIsLeftAlone) {
  graph_.precision = Precision::kStrict;
  Output(Conv(Input("x", {1, 4, 4, 2})));
  EXPECT_FALSE(Apply(ReducePrecision));
  graph_.precision = Precision::kTf32;  // is for the device alone
  EXPECT_FALSE(Apply(ReducePrecision));
}

TEST_F(ReducePrecisionTest, AProductReadsAndWritesHalf) {
  Output(Conv(Input("x", {kUnknownDim, 4, 4, 2})));
  EXPECT_TRUE(Apply(ReducePrecision, kTolerance));
  const Node& conv = Only(OpKind::kConv);
  EXPECT_EQ(TypeOf(conv.inputs[0]), DType::kFloat16);
  EXPECT_EQ(TypeOf(conv.inputs[1]), DType::kFloat16);
  EXPECT_EQ(TypeOf(conv.outputs[0]), DType::kFloat16);
  EXPECT_EQ(TypeOf(graph_.outputs()[0].value), DType::kFloat32);
}

TEST_F(ReducePrecisionTest, EpiloguesFollowTheirProduct) {
  graph_.precision = Precision::kBFloat16;
  Output(b_.Unary(ExprOp::kRelu, Bias(Conv(Input("x", {2, 4, 4, 2})))));
  ASSERT_TRUE(*FuseEpilogues(&graph_, options_));
  EXPECT_TRUE(Apply(ReducePrecision, 8 * kTolerance));
  const Node& conv = Only(OpKind::kConv);
  EXPECT_EQ(conv.attr<ConvAttrs>().epilogue.result_type(), DType::kBFloat16);
  EXPECT_EQ(TypeOf(conv.inputs[2]), DType::kBFloat16);
}

TEST_F(ReducePrecisionTest, WhatCouldOverflowStaysInFloat) {
  Output(b_.Unary(ExprOp::kExp, Conv(Input("x", {2, 4, 4, 2}))));
  ASSERT_TRUE(*FuseEpilogues(&graph_, options_));
  EXPECT_TRUE(Apply(ReducePrecision, 20 * kTolerance));  // e^3, at most, times the error
  EXPECT_TRUE(Only(OpKind::kConv).attr<ConvAttrs>().epilogue.empty());
  EXPECT_EQ(OutputNode().attr<MapAttrs>().expr.ToString(), "Exp($0)");
  EXPECT_EQ(TypeOf(OutputNode().inputs[0]), DType::kFloat32);
}

TEST_F(ReducePrecisionTest, WhatLiesBetweenProductsIsStoredInHalf) {
  PoolAttrs pool;
  pool.window = pool.strides = {2, 2};
  const ValueId first = Conv(Input("x", {2, 4, 4, 2}));
  const ValueId pooled = b_.Add(OpKind::kPool, pool, {first});
  Output(Conv(b_.Concat({pooled, pooled}, 0), 5));
  EXPECT_TRUE(Apply(ReducePrecision, kTolerance));
  EXPECT_EQ(TypeOf(Only(OpKind::kPool).outputs[0]), DType::kFloat16);
  EXPECT_EQ(TypeOf(Only(OpKind::kConcat).outputs[0]), DType::kFloat16);
}

TEST_F(ReducePrecisionTest, WhatNoProductReadsStaysFloat) {
  PoolAttrs pool;
  pool.window = pool.strides = {2, 2};
  Output(b_.Add(OpKind::kPool, pool, {Conv(Input("x", {2, 4, 4, 2}))}));
  EXPECT_TRUE(Apply(ReducePrecision, kTolerance));
  EXPECT_EQ(TypeOf(Only(OpKind::kPool).outputs[0]), DType::kFloat32);
}

TEST_F(ReducePrecisionTest, ThePipelineMergesTheCasts) {
  const ValueId x = Input("x", {kUnknownDim, 4, 4, 2});
  const ValueId first = b_.Unary(ExprOp::kRelu, Bias(Conv(x)));
  const ValueId second = b_.Unary(ExprOp::kRelu, Bias(Conv(first, 7), 9));
  Output(b_.Unary(ExprOp::kRelu, Bias(Conv(second, 8), 10)));
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  // One cast in front, one behind, and nothing but convolutions between.
  EXPECT_EQ(Count(OpKind::kConv), 3);
  EXPECT_EQ(Count(OpKind::kMap), 2);
  const std::string text = GraphToString(graph_);
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  EXPECT_EQ(GraphToString(graph_), text);
}

TEST_F(ReducePrecisionTest, MasksAreKeptInRange) {
  const ValueId q = Input("q", {2, 4, 8});
  const ValueId is_hidden = b_.Binary(ExprOp::kLess, Input("m", {2, 4, 4}), b_.Scalar(DType::kFloat32, 0));
  const ValueId mask =
      b_.Binary(ExprOp::kMul, b_.Cast(is_hidden, DType::kFloat32), b_.Scalar(DType::kFloat32, -1e9));
  AttentionAttrs attrs;
  attrs.scale = 0.35;
  Output(b_.Add(OpKind::kAttention, attrs, {q, q, q, mask}));
  EXPECT_TRUE(Apply(ReducePrecision, kTolerance));
  EXPECT_EQ(TypeOf(Only(OpKind::kAttention).inputs[3]), DType::kFloat16);
}

}  // namespace
}  // namespace moulin::testing
