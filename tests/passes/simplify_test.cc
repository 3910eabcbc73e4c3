#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class SimplifyTest : public PassTest {};

TEST_F(SimplifyTest, DropsReshapeToTheSameShape) {
  const ValueId x = Input("x", {kUnknownDim, 4});
  Output(b_.Unary(ExprOp::kRelu, b_.Reshape(x, b_.Ints({-1, 4}))));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(Count(OpKind::kReshape), 0);
}

TEST_F(SimplifyTest, KeepsReshapeThatMayChangeTheShape) {
  const ValueId x = Input("x", {kUnknownDim, kUnknownDim});
  Output(b_.Reshape(x, b_.Ints({-1, 3})));
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyTest, MergesViews) {
  const ValueId x = Input("x", {2, 3, 4});
  const ValueId flat = b_.Reshape(x, b_.Ints({24}));
  Output(b_.Squeeze(b_.ExpandDims(b_.Reshape(flat, b_.Ints({4, 6})), 0), {}));
  EXPECT_TRUE(Apply(SimplifyViews));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().kind, OpKind::kReshape);
  EXPECT_EQ(OutputNode().inputs[0], graph_.inputs()[0]);
}

TEST_F(SimplifyTest, CancelsExpandDimsAndSqueeze) {
  const ValueId x = Input("x", {kUnknownDim, 4});
  Output(b_.Unary(ExprOp::kRelu, b_.Squeeze(b_.ExpandDims(x, 1), {1})));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(SimplifyTest, MergesTransposes) {
  const ValueId x = Input("x", {2, 3, 4});
  Output(b_.Transpose(b_.Transpose(x, {1, 2, 0}), {2, 1, 0}));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(SimplifyTest, CancelsTransposes) {
  const ValueId x = Input("x", {kUnknownDim, 3, 4});
  Output(b_.Unary(ExprOp::kRelu, b_.Transpose(b_.Transpose(x, {0, 2, 1}), {0, 2, 1})));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(Count(OpKind::kTranspose), 0);
}

TEST_F(SimplifyTest, TransposeOfAxesOfOneIsAView) {
  const ValueId x = Input("x", {kUnknownDim, 1, 5, 1});
  Output(b_.Transpose(x, {0, 2, 3, 1}));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(Count(OpKind::kReshape), 1);
  EXPECT_EQ(Count(OpKind::kTranspose), 0);
}

TEST_F(SimplifyTest, TransposesBecomeFlagsOfProducts) {
  const ValueId x = Input("x", {kUnknownDim, 3, 4});
  const ValueId y = Input("y", {kUnknownDim, 3, 5});
  Output(b_.Add(OpKind::kContract, ContractAttrs{}, {b_.Transpose(x, {0, 2, 1}), y}));
  EXPECT_TRUE(Apply(SimplifyViews, 1e-6));
  EXPECT_TRUE(OutputNode().attr<ContractAttrs>().transpose_a);
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(SimplifyTest, DropsEmptyPadSliceTileAndConcat) {
  const ValueId x = Input("x", {2, 4});
  const ValueId paddings = graph_.AddConstant(Tensor::Of<int64_t>(Shape({2, 2}), {0, 0, 0, 0}));
  ValueId v = b_.Add(OpKind::kPad, PadAttrs{}, {x, paddings, b_.Scalar(DType::kFloat32, 0)});
  v = b_.Add(OpKind::kSlice, NoAttrs{}, {v, b_.Ints({0, 0}), b_.Ints({-1, 4})});
  v = b_.Add(OpKind::kTile, NoAttrs{}, {v, b_.Ints({1, 1})});
  v = b_.Concat({v}, 0);
  v = b_.Add(OpKind::kBroadcast, NoAttrs{}, {v, b_.Ints({2, 4})});
  v = b_.Add(OpKind::kStridedSlice, StridedSliceAttrs{}, {v, b_.Ints({0, 0}), b_.Ints({2, 9}), b_.Ints({1, 1})});
  Output(b_.Unary(ExprOp::kRelu, v));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(SimplifyTest, KeepsReversingSlices) {
  const ValueId x = Input("x", {4});
  StridedSliceAttrs attrs;
  attrs.begin_mask = attrs.end_mask = 1;
  Output(b_.Add(OpKind::kStridedSlice, attrs, {x, b_.Ints({0}), b_.Ints({0}), b_.Ints({-1})}));
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyTest, SlicesThatTakeAllAreViews) {
  const ValueId x = Input("x", {2, 4});
  StridedSliceAttrs attrs;
  attrs.begin_mask = attrs.end_mask = 5;
  attrs.new_axis_mask = 2;
  Output(b_.Add(OpKind::kStridedSlice, attrs, {x, b_.Ints({0, 0, 0}), b_.Ints({0, 0, 0}), b_.Ints({1, 1, 1})}));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(OutputNode().kind, OpKind::kReshape);
}

TEST_F(SimplifyTest, ReductionOfAxesOfOneIsAView) {
  const ValueId x = Input("x", {kUnknownDim, 1, 5, 1});
  Output(b_.Reduce(ReduceOp::kMean, x, {1, 3}, /*keep_dims=*/false));
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(Count(OpKind::kReduce), 0);
}

class SimplifyDilationTest : public SimplifyTest {
 protected:
  void Build(std::vector<int64_t> crops, Padding padding = Padding::kValid) {
    const ValueId x = Input("x", {kUnknownDim, 7, 6, 2});
    const auto pairs = [&](std::vector<int64_t> values) {
      return graph_.AddConstant(Tensor::Of<int64_t>(Shape({2, 2}), absl::MakeConstSpan(values)));
    };
    const ValueId cut = b_.Add(OpKind::kSpaceToBatch, NoAttrs{}, {x, b_.Ints({2, 3}), pairs({2, 3, 3, 3})});
    ConvAttrs attrs;
    attrs.strides = {1, 1};
    attrs.dilations = {1, 1};
    attrs.padding = padding;
    const ValueId conv = b_.Add(OpKind::kConv, attrs, {cut, Constant(Shape({3, 3, 2, 4}))});
    Output(b_.Add(OpKind::kBatchToSpace, NoAttrs{}, {conv, b_.Ints({2, 3}), pairs(crops)}));
  }
};

TEST_F(SimplifyDilationTest, SpaceToBatchAroundAConvolution) {
  Build({0, 1, 0, 0});
  EXPECT_TRUE(Apply(SimplifyViews, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().attr<ConvAttrs>().dilations, (SpatialDims{2, 3}));
  EXPECT_EQ(OutputNode().attr<ConvAttrs>().pad_after, (SpatialDims{2, 3}));
}

TEST_F(SimplifyDilationTest, CropsBeforeToo) {
  Build({1, 2, 3, 0});
  EXPECT_TRUE(Apply(SimplifyViews, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(SimplifyDilationTest, NotWithPaddingInEachPart) {
  Build({0, 1, 0, 0}, Padding::kSame);
  EXPECT_FALSE(Apply(SimplifyViews));
}

class SimplifyConvTest : public SimplifyTest {
 protected:
  void Build(Padding padding, double value, std::vector<int64_t> paddings) {
    const ValueId x = Input("x", {kUnknownDim, 6, 6, 2});
    const ValueId operand = graph_.AddConstant(Tensor::Of<int64_t>(Shape({4, 2}), absl::MakeConstSpan(paddings)));
    const ValueId padded = b_.Add(OpKind::kPad, PadAttrs{}, {x, operand, b_.Scalar(DType::kFloat32, value)});
    ConvAttrs attrs;
    attrs.strides = {2, 2};
    attrs.dilations = {1, 1};
    attrs.padding = padding;
    Output(b_.Add(OpKind::kConv, attrs, {padded, Constant(Shape({3, 3, 2, 4}))}));
  }
};

TEST_F(SimplifyConvTest, TakesPaddingInFront) {
  Build(Padding::kValid, 0, {0, 0, 1, 2, 0, 1, 0, 0});
  EXPECT_TRUE(Apply(SimplifyViews, 1e-6));
  EXPECT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().attr<ConvAttrs>().padding, Padding::kExplicit);
}

TEST_F(SimplifyConvTest, LeavesOtherPadding) {
  Build(Padding::kValid, 1, {0, 0, 1, 2, 0, 1, 0, 0});
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyConvTest, LeavesPaddingOfTheBatch) {
  Build(Padding::kValid, 0, {1, 0, 1, 2, 0, 1, 0, 0});
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyConvTest, LeavesPaddingBeforeSame) {
  Build(Padding::kSame, 0, {0, 0, 1, 2, 0, 1, 0, 0});
  EXPECT_FALSE(Apply(SimplifyViews));
}

class SimplifyPoolTest : public SimplifyTest {
 protected:
  void Build(ExprOp activation, PoolOp op, int64_t before) {
    const ValueId x = b_.Unary(activation, Input("x", {kUnknownDim, 6, 6, 2}));
    const std::vector<int64_t> paddings = {0, 0, before, 1, 1, 1, 0, 0};
    const ValueId operand = graph_.AddConstant(Tensor::Of<int64_t>(Shape({4, 2}), absl::MakeConstSpan(paddings)));
    const ValueId padded = b_.Add(OpKind::kPad, PadAttrs{}, {x, operand, b_.Scalar(DType::kFloat32, 0)});
    PoolAttrs attrs;
    attrs.op = op;
    attrs.window = {3, 3};
    attrs.strides = {2, 2};
    Output(b_.Add(OpKind::kPool, attrs, {padded}));
  }
};

TEST_F(SimplifyPoolTest, TakesPaddingOfAnActivation) {
  Build(ExprOp::kRelu, PoolOp::kMax, 2);
  EXPECT_TRUE(Apply(SimplifyViews));
  EXPECT_EQ(Count(OpKind::kPad), 0);
  EXPECT_EQ(OutputNode().attr<PoolAttrs>().pad_before, (SpatialDims{2, 1}));
}

TEST_F(SimplifyPoolTest, LeavesPaddingOfWhatMayBeNegative) {
  Build(ExprOp::kNeg, PoolOp::kMax, 1);
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyPoolTest, LeavesPaddingThatCountsInAMean) {
  Build(ExprOp::kRelu, PoolOp::kAverage, 1);
  EXPECT_FALSE(Apply(SimplifyViews));
}

TEST_F(SimplifyPoolTest, LeavesWindowsOfNothingButPadding) {
  Build(ExprOp::kRelu, PoolOp::kMax, 3);
  EXPECT_FALSE(Apply(SimplifyViews));
}

}  // namespace
}  // namespace moulin::testing
