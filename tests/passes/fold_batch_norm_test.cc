#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class FoldBatchNormTest : public PassTest {
 protected:
  ValueId Conv(ValueId x, ValueId filter, bool channels_last = true, int64_t groups = 1) {
    ConvAttrs attrs;
    attrs.strides = {1, 1};
    attrs.dilations = {1, 1};
    attrs.padding = Padding::kSame;
    attrs.channels_last = channels_last;
    attrs.groups = groups;
    return b_.Add(OpKind::kConv, attrs, {x, filter});
  }
  ValueId BatchNorm(ValueId x, int64_t channels, bool channels_last = true, uint32_t seed = 21) {
    std::vector<float> variance = Values(channels, seed + 3);
    for (float& v : variance) v = v * v + 0.1f;
    return b_.Add(OpKind::kBatchNorm, BatchNormAttrs{1e-3, channels_last},
                  {x, Constant(Shape({channels}), seed), Constant(Shape({channels}), seed + 1),
                   Constant(Shape({channels}), seed + 2),
                   graph_.AddConstant(Tensor::Of<float>(Shape({channels}), absl::MakeConstSpan(variance)))});
  }
};

TEST_F(FoldBatchNormTest, GoesIntoTheFilter) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  Output(BatchNorm(Conv(x, Constant(Shape({3, 3, 2, 4}))), 4));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(Count(OpKind::kBatchNorm), 0);
  ASSERT_EQ(graph_.num_nodes(), 2);
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Add($0, $1)");
}

// The operand of the convolution in `graph`.
const Tensor& FilterOf(const Graph& graph) {
  const auto& nodes = graph.nodes();
  const auto conv = std::find_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.kind == OpKind::kConv; });
  return graph.value(conv->inputs[1]).constant;
}

TEST_F(FoldBatchNormTest, FiltersOfTheGraphAloneAreWrittenInPlace) {
  const Shape shape({3, 3, 2, 4});
  const Tensor filter = Floats(shape);
  const ValueId value = graph_.AddConstant(filter);
  Output(BatchNorm(Conv(Input("x", {kUnknownDim, 5, 5, 2}), value), 4));
  const std::unique_ptr<Graph> other = graph_.Clone();
  other->value(value).constant = Floats(shape);
  ASSERT_TRUE(FoldBatchNorm(other.get(), options_).ok());
  options_.owns_constants = true;
  ASSERT_TRUE(FoldBatchNorm(&graph_, options_).ok());
  EXPECT_EQ(FilterOf(graph_).data(), filter.data());
  EXPECT_EQ(FilterOf(graph_).values<float>(), FilterOf(*other).values<float>());
  EXPECT_NE(filter.values<float>(), Floats(shape).values<float>());
}

TEST_F(FoldBatchNormTest, FiltersThatAnotherValueHasAreNot) {
  const Tensor filter = Floats(Shape({3, 3, 2, 4}));
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  Output(BatchNorm(Conv(x, graph_.AddConstant(filter)), 4));
  Output(graph_.AddConstant(filter.Reshaped(Shape({72}))), "f");
  options_.owns_constants = true;
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(filter.values<float>(), Floats(Shape({3, 3, 2, 4})).values<float>());
}

TEST_F(FoldBatchNormTest, GoesIntoDepthwiseFilters) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 4});
  Output(BatchNorm(Conv(x, Constant(Shape({3, 3, 1, 8})), true, 4), 8));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(FoldBatchNormTest, TakesBiasesWithIt) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  const ValueId biased = b_.Binary(ExprOp::kAdd, Conv(x, Constant(Shape({3, 3, 2, 4}))), Constant(Shape({4}), 5));
  Output(b_.Unary(ExprOp::kRelu, BatchNorm(biased, 4)));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 3);
}

TEST_F(FoldBatchNormTest, ChannelsMayComeFirst) {
  const ValueId x = Input("x", {kUnknownDim, 2, 5, 5});
  Output(BatchNorm(Conv(x, Constant(Shape({3, 3, 2, 4})), false), 4, false));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(FoldBatchNormTest, GoesIntoTransposedFilters) {
  const ValueId x = Input("x", {2, 3, 3, 4});
  ConvAttrs attrs;
  attrs.strides = {2, 2};
  attrs.dilations = {1, 1};
  attrs.padding = Padding::kSame;
  const ValueId filter = Constant(Shape({3, 3, 5, 4}));
  const ValueId conv = b_.Add(OpKind::kConvTranspose, attrs, {b_.Ints({2, 6, 6, 5}), filter, x});
  Output(BatchNorm(conv, 5));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(FoldBatchNormTest, GoesIntoMatrices) {
  const ValueId x = Input("x", {kUnknownDim, 6});
  ContractAttrs attrs;
  attrs.transpose_b = true;
  Output(BatchNorm(b_.Add(OpKind::kContract, attrs, {x, Constant(Shape({4, 6}))}), 4));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(FoldBatchNormTest, ScalesFoldWithoutShift) {
  const ValueId x = Input("x", {kUnknownDim, 6});
  const ValueId product = b_.Add(OpKind::kContract, ContractAttrs{}, {x, Constant(Shape({6, 4}))});
  Output(b_.Binary(ExprOp::kDiv, product, b_.Scalar(DType::kFloat32, 8)));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-6));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(FoldBatchNormTest, OtherwiseBecomesAMap) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 4});
  Output(BatchNorm(x, 4));
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  ASSERT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(OutputNode().kind, OpKind::kMap);
}

TEST_F(FoldBatchNormTest, LeavesFiltersOfProductsReadElsewhere) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  const ValueId conv = Conv(x, Constant(Shape({3, 3, 2, 4})));
  Output(BatchNorm(conv, 4), "y");
  Output(conv, "z");
  EXPECT_TRUE(Apply(FoldBatchNorm, 1e-5));
  EXPECT_EQ(Count(OpKind::kConv), 1);
  EXPECT_EQ(AttrsToString(OutputNode().attrs), "Add(Mul($0, $1), $2)");
}

TEST_F(FoldBatchNormTest, LeavesBiasesAlone) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  Output(b_.Binary(ExprOp::kAdd, Conv(x, Constant(Shape({3, 3, 2, 4}))), Constant(Shape({4}), 5)));
  EXPECT_FALSE(Apply(FoldBatchNorm));
}

// [5] here is the size of a spatial axis, [4] that of the channels.
TEST_F(FoldBatchNormTest, LeavesVectorsOfAnotherAxis) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 2});
  const ValueId conv = Conv(x, Constant(Shape({3, 3, 2, 4})));
  Output(b_.Binary(ExprOp::kMul, conv, Constant(Shape({5, 1}), 5)));
  EXPECT_FALSE(Apply(FoldBatchNorm));
}

TEST_F(FoldBatchNormTest, LeavesVariableParameters) {
  const ValueId x = Input("x", {kUnknownDim, 5, 5, 4});
  const ValueId p = Input("p", {4});
  Output(b_.Add(OpKind::kBatchNorm, BatchNormAttrs{}, {x, p, p, p, Constant(Shape({4}))}));
  EXPECT_FALSE(*FoldBatchNorm(&graph_, options_));
}

}  // namespace
}  // namespace moulin::testing
