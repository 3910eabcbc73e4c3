// int8 products against integers worked out by hand and sums in the test's own loops, and against float32.
#include "passes/quantize.h"

#include <cmath>

#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class QuantizeTest : public PassTest {
 protected:
  QuantizeTest() { graph_.precision = Precision::kInt8; }

  // An input of 16 channels whose elements are known to be in [-1, 1].
  ValueId Image(PartialShape shape = {2, 5, 5, 16}) {
    graph_.ranges["x"] = {-1, 0.5f};
    return Input("x", std::move(shape));
  }
  ValueId Conv(ValueId x, int64_t filters = 8, int64_t groups = 1, uint32_t seed = 1) {
    ConvAttrs attrs;
    attrs.strides = {1, 1};
    attrs.dilations = {1, 1};
    attrs.padding = Padding::kSame;
    attrs.groups = groups;
    return b_.Add(OpKind::kConv, attrs, {x, Constant(Shape({3, 3, 16 / groups, filters}), seed)});
  }
  ValueId Product(ValueId x, int64_t terms, int64_t columns, bool transpose_b = false) {
    ContractAttrs attrs;
    attrs.transpose_b = transpose_b;
    return b_.Add(OpKind::kContract, attrs,
                  {x, Constant(transpose_b ? Shape({columns, terms}) : Shape({terms, columns}), 4)});
  }
  ValueId Bias(ValueId x, int64_t channels) { return b_.Binary(ExprOp::kAdd, x, Constant(Shape({channels}), 3)); }

  DType TypeOf(ValueId v) const { return graph_.value(v).type.dtype; }
  const Node& ProductNode() const {
    for (const Node& node : graph_.nodes()) {
      if (node.kind == OpKind::kConv || node.kind == OpKind::kContract) return node;
    }
    return graph_.node(0);
  }
  // Why the only product would be left as it is.
  std::string Why() const { return WhyNotQuantized(graph_, ProductNode()); }

  // Each of the two operands of a product is off by at most half a step: 1/254 of the largest, which is 1 here. A sum
  // of n products of numbers below 1 is off by at most 2 n / 254 (and a little).
  static double ErrorOf(int64_t terms) { return 2.1 * static_cast<double>(terms) / 254; }
};

TEST_F(QuantizeTest, OtherPrecisionsAreLeftAlone) {
  Output(Conv(Image()));
  for (const Precision precision : {Precision::kStrict, Precision::kTf32, Precision::kFloat16}) {
    graph_.precision = precision;
    EXPECT_FALSE(Apply(Quantize));
  }
}

TEST_F(QuantizeTest, AConvolutionIsOfInt8WithInt32Sums) {
  Output(Conv(Image({kUnknownDim, 5, 5, 16})));
  EXPECT_TRUE(Apply(Quantize, ErrorOf(9 * 16)));
  const Node& conv = ProductNode();
  EXPECT_EQ(TypeOf(conv.inputs[0]), DType::kInt8);
  EXPECT_EQ(TypeOf(conv.inputs[1]), DType::kInt8);
  EXPECT_EQ(conv.attr<ConvAttrs>().product_type, DType::kInt32);
  EXPECT_EQ(conv.attr<ConvAttrs>().epilogue.ToString(), "Mul(Cast($0):f32, $1)");
  EXPECT_EQ(TypeOf(conv.outputs[0]), DType::kFloat32);
  EXPECT_TRUE(IsInt8Product(graph_, conv));
}

TEST_F(QuantizeTest, EpiloguesGoOnInFloat32) {
  const ValueId x = Image();
  const ValueId residual = Input("residual", {2, 5, 5, 8});
  Output(b_.Unary(ExprOp::kRelu, b_.Binary(ExprOp::kAdd, residual, Bias(Conv(x), 8))));
  ASSERT_TRUE(*FuseEpilogues(&graph_, options_));
  EXPECT_TRUE(Apply(Quantize, ErrorOf(9 * 16)));
  EXPECT_EQ(ProductNode().inputs.size(), 5);  // image, filter, factors, bias, residual
  EXPECT_EQ(TypeOf(ProductNode().inputs[3]), DType::kFloat32);
}

TEST_F(QuantizeTest, ChannelsMayComeFirst) {
  graph_.ranges["x"] = {-1, 1};
  ConvAttrs attrs;
  attrs.strides = {2, 1};
  attrs.dilations = {1, 1};
  attrs.channels_last = false;
  Output(b_.Add(OpKind::kConv, attrs, {Input("x", {2, 16, 5, 4}), Constant(Shape({2, 2, 16, 8}))}));
  EXPECT_TRUE(Apply(Quantize, ErrorOf(4 * 16)));
}

TEST_F(QuantizeTest, WeightsOfProductsAreStoredByColumns) {
  for (const bool transpose_b : {false, true}) {
    graph_ = Graph();
    graph_.precision = Precision::kInt8;
    graph_.ranges["x"] = {-1, 1};
    Output(Bias(Product(Input("x", {3, 4, 16}), 16, 6, transpose_b), 6));
    EXPECT_TRUE(Apply(Quantize, ErrorOf(16)));
    const Node& product = ProductNode();
    EXPECT_EQ(graph_.value(product.inputs[1]).type.ToString(), "i8[6,16]");
    EXPECT_TRUE(product.attr<ContractAttrs>().transpose_b);
  }
}

// Steps of 1/127 for the activation and of 1/127 and 2/127 for the columns: every number is worked out by hand.
TEST_F(QuantizeTest, TheIntegersAreExact) {
  graph_.ranges["x"] = {-1, 1};
  std::vector<float> weights(16 * 2, 0.0f);
  weights[0] = 1.0f;    // row 0, column 0: 127
  weights[1] = -2.0f;   // row 0, column 1: -127
  weights[2] = 0.5f;    // row 1, column 0: 63.5 to even, 64
  weights[3] = 0.016f;  // row 1, column 1: 1.016, 1
  const ValueId x = Input("x", {1, 16});
  ContractAttrs attrs;
  Output(b_.Add(OpKind::kContract, attrs, {x, b_.Constant(Tensor::Of<float>({16, 2}, weights))}));
  ASSERT_TRUE(*Quantize(&graph_, options_));
  const Tensor& stored = graph_.value(ProductNode().inputs[1]).constant;
  EXPECT_THAT(stored.values<int8_t>().subspan(0, 2), ElementsAre(127, 64));
  EXPECT_THAT(stored.values<int8_t>().subspan(16, 2), ElementsAre(-127, 1));

  // 0.3 is 38.1 steps; 5 is beyond the range, and -5 too (int8 has a step more on that side).
  const auto run = [&](float a, float b) {
    std::vector<float> values(16, 0.0f);
    values[0] = a;
    values[1] = b;
    return (*RunGraph(graph_, {Tensor::Of<float>({1, 16}, values)}))[0];
  };
  const float one = static_cast<float>(1.0 / 127 / 127), two = static_cast<float>(2.0 / 127 / 127);
  EXPECT_THAT(run(0.3f, 1).values<float>(), ElementsAre((38 * 127 + 127 * 64) * one, (38 * -127 + 127 * 1) * two));
  EXPECT_THAT(run(5, -5).values<float>(), ElementsAre((127 * 127 - 128 * 64) * one, (127 * -127 - 128) * two));
  EXPECT_THAT(run(NAN, 0).values<float>(), ElementsAre(0, 0));
}

TEST_F(QuantizeTest, WhatIsLeftAndWhy) {
  Output(Conv(Input("unknown", {2, 5, 5, 16})));
  EXPECT_EQ(Why(), "the range of its input is not known");
  EXPECT_FALSE(Apply(Quantize));
  graph_.ranges["unknown"] = {0, 0};
  EXPECT_EQ(Why(), "the range of its input is too narrow");
  EXPECT_FALSE(Apply(Quantize));
  graph_.ranges["unknown"] = {0, 1e-40f};
  EXPECT_EQ(Why(), "the range of its input is too narrow");
}

TEST_F(QuantizeTest, GroupsStay) {
  Output(Conv(Image(), 16, 16));
  EXPECT_EQ(Why(), "it has groups of channels");
  EXPECT_FALSE(Apply(Quantize));
}

TEST_F(QuantizeTest, FewChannelsStay) {
  graph_.ranges["x"] = {-1, 1};
  Output(Product(Input("x", {2, 8}), 8, 4));
  EXPECT_EQ(Why(), "it has fewer than 16 input channels");
  EXPECT_FALSE(Apply(Quantize));
}

TEST_F(QuantizeTest, ProductsOfTwoActivationsStay) {
  graph_.ranges["x"] = {-1, 1};
  Output(b_.Add(OpKind::kContract, ContractAttrs(), {Input("x", {2, 16}), Input("y", {16, 3})}));
  EXPECT_EQ(Why(), "its weights are not constant");
  EXPECT_FALSE(Apply(Quantize));
}

TEST_F(QuantizeTest, WeightsThatAreNotFiniteStay) {
  for (const float bad : {INFINITY, NAN}) {
    graph_ = Graph();
    graph_.precision = Precision::kInt8;
    std::vector<float> weights(16, 1.0f);
    weights[3] = bad;
    Output(
        b_.Add(OpKind::kContract, ContractAttrs(), {Image({1, 16}), b_.Constant(Tensor::Of<float>({16, 1}, weights))}));
    EXPECT_EQ(Why(), "its weights are not finite");
    EXPECT_FALSE(*Quantize(&graph_, options_));
  }
}

// What only moves or pools elements has their range.
TEST_F(QuantizeTest, RangesAreFoundBehindMovement) {
  PoolAttrs pool;
  pool.window = pool.strides = {5, 5};
  const ValueId pooled = b_.Add(OpKind::kPool, pool, {Image()});
  Output(Product(b_.Reshape(pooled, b_.Ints({2, 16})), 16, 8));
  EXPECT_THAT(ActivationsWithoutRange(graph_), IsEmpty());
  EXPECT_TRUE(Apply(Quantize, ErrorOf(16)));
}

TEST_F(QuantizeTest, TellsTheActivationsToMeasure) {
  const ValueId x = Input("x", {2, 5, 5, 16});
  const ValueId a = Conv(x, 8, 1, 1), b = Conv(x, 8, 1, 2);
  Output(b_.Binary(ExprOp::kAdd, a, b));
  EXPECT_THAT(ActivationsWithoutRange(graph_), ElementsAre(x));  // once
}

// Between two int8 products bytes are stored, and the activation is quantised once for both of its readers.
TEST_F(QuantizeTest, ThePipelineStoresBytesBetweenProducts) {
  const ValueId hidden = b_.Unary(ExprOp::kRelu, Bias(Conv(Image(), 16), 16));
  graph_.AddName(hidden, "hidden");
  graph_.ranges["hidden"] = {0, 40};
  Output(b_.Binary(ExprOp::kAdd, Conv(hidden, 8, 1, 5), Conv(hidden, 8, 1, 6)));
  const std::unique_ptr<Graph> before = graph_.Clone();
  for (const Precision precision : {Precision::kInt8, Precision::kInt8Float16}) {
    graph_ = *before;
    graph_.precision = precision;
    ASSERT_TRUE(RunPasses(&graph_, options_).ok());
    int products = 0;
    for (const Node& node : graph_.nodes()) {
      if (node.kind != OpKind::kConv) continue;
      ++products;
      EXPECT_EQ(TypeOf(node.inputs[0]), DType::kInt8);
    }
    EXPECT_EQ(products, 3);
    EXPECT_EQ(TypeOf(ProductNode().outputs[0]), DType::kInt8);
    EXPECT_EQ(Count(OpKind::kMap), 1);                                                      // the step of the input
    EXPECT_THAT(GraphToString(graph_), ::testing::Not(::testing::HasSubstr(":f16):f32")));  // rounded where stored
    // Of the last products: sums of 144 products of numbers up to 40 and 1.
    ExpectSameResults(*before, graph_, 40 * 2 * ErrorOf(9 * 16));
  }
}

TEST_F(QuantizeTest, TheRestMayBeInHalf) {
  graph_.precision = Precision::kInt8Float16;
  const ValueId x = Image();
  const ValueId hidden = b_.Unary(ExprOp::kRelu, Bias(Conv(x, 16), 16));
  graph_.AddName(hidden, "hidden");
  graph_.ranges["hidden"] = {0, 40};
  // The sum is read by a product that has no range, and by an int8 one.
  const ValueId sum = b_.Binary(ExprOp::kAdd, Conv(hidden, 16, 1, 5), hidden);
  Output(Conv(sum, 8, 1, 6));
  const std::unique_ptr<Graph> before = graph_.Clone();
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  std::vector<DType> operands, results;
  for (const Node& node : graph_.nodes()) {
    if (node.kind != OpKind::kConv) continue;
    // Rounded to float16 where it is stored, not on the way to int8 or back to float32.
    EXPECT_THAT(node.attr<ConvAttrs>().epilogue.ToString(), ::testing::Not(::testing::HasSubstr(":f16):f32")));
    operands.push_back(TypeOf(node.inputs[0]));
    results.push_back(TypeOf(node.outputs[0]));
  }
  EXPECT_THAT(operands, ElementsAre(DType::kInt8, DType::kInt8, DType::kFloat16));
  EXPECT_THAT(results, ElementsAre(DType::kFloat16, DType::kFloat16, DType::kFloat16));
  EXPECT_EQ(TypeOf(graph_.outputs()[0].value), DType::kFloat32);
  const std::string text = GraphToString(graph_);
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  EXPECT_EQ(GraphToString(graph_), text);
}

}  // namespace
}  // namespace moulin::testing
