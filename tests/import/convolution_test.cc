#include "import/one_op.h"

namespace moulin::testing {
namespace {

constexpr char kOnes[] = "list { i: [1, 1, 1, 1] }";

OneOp Conv(const Tensor& x, const Tensor& filter, const std::string& strides, const std::string& padding) {
  OneOp op("Conv2D");
  op.Fed(x).Constant(filter).Attr("strides", strides).Attr("padding", "s: \"" + padding + "\"");
  return op;
}

TEST(Conv2DTest, SumsWindows) {
  const Tensor x = Floats({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6});
  const Tensor ones = Floats({2, 2, 1, 1}, {1, 1, 1, 1});
  ExpectFloats(Conv(x, ones, kOnes, "VALID").Run(), 0, {1, 1, 2, 1}, {12, 16});
  ExpectFloats(Conv(x, ones, kOnes, "SAME").Run(), 0, {1, 2, 3, 1}, {12, 16, 9, 9, 11, 6});
}

TEST(Conv2DTest, GroupsComeFromTheFilter) {
  const Tensor x = Floats({1, 1, 1, 4}, {1, 2, 3, 4});
  const Tensor filter = Floats({1, 1, 2, 2}, {1, 10, 1, 10});
  ExpectFloats(Conv(x, filter, kOnes, "VALID").Run(), 0, {1, 1, 1, 2}, {3, 70});
}

TEST(Conv2DTest, ExplicitPaddings) {
  const Tensor x = Floats({1, 1, 2, 1}, {1, 2});
  const Tensor one = Floats({1, 1, 1, 1}, {1});
  OneOp op = Conv(x, one, kOnes, "EXPLICIT");
  op.Attr("explicit_paddings", "list { i: [0, 0, 1, 0, 0, 1, 0, 0] }");
  ExpectFloats(op.Run(), 0, {1, 2, 3, 1}, {0, 0, 0, 1, 2, 0});
}

TEST(Conv2DTest, RefusesBadAttributes) {
  const Tensor x = Floats({1, 2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor filter = Floats({1, 1, 3, 1}, {1, 1, 1});
  ExpectError(Conv(x, filter, "list { i: [1, 0, 1, 1] }", "VALID").Run(), "E_ATTR", "strides");
  ExpectError(Conv(x, filter, "list { i: [1, -1, 1, 1] }", "VALID").Run(), "E_ATTR", "strides");
  ExpectError(Conv(x, filter, "list { i: [1, 1, 1] }", "VALID").Run(), "E_ATTR", "4 entries, found 3");
  ExpectError(Conv(x, filter, "list { i: [1, 1, 1, 2] }", "VALID").Run(), "E_ATTR", "channels");
  ExpectError(Conv(x, filter, kOnes, "FOO").Run(), "E_ATTR", "found \"FOO\"");
  OneOp dilated = Conv(x, filter, kOnes, "VALID");
  ExpectError(dilated.Attr("dilations", "list { i: [1, 0, 1, 1] }").Run(), "E_ATTR", "dilations");
  OneOp padded = Conv(x, filter, kOnes, "SAME");
  ExpectError(padded.Attr("explicit_paddings", "list { i: [0, 0, -1, 0, 0, 0, 0, 0] }").Run(), "E_ATTR", "explicit");
  OneOp negative = Conv(x, filter, kOnes, "EXPLICIT");
  ExpectError(negative.Attr("explicit_paddings", "list { i: [0, 0, -1, 0, 0, 0, 0, 0] }").Run(), "E_ATTR", "explicit");
  ExpectError(Conv(x, Floats({1, 1, 2, 1}, {1, 1}), kOnes, "VALID").Run(), "E_ATTR", "divide the 3 of the input");
}

TEST(DepthwiseConvTest, EachChannelHasItsFilters) {
  const Tensor x = Floats({1, 1, 1, 2}, {1, 2});
  const Tensor filter = Floats({1, 1, 2, 2}, {1, 10, 100, 1000});
  OneOp op("DepthwiseConv2dNative");
  op.Fed(x).Constant(filter).Attr("strides", kOnes).Attr("padding", "s: \"VALID\"");
  ExpectFloats(op.Run(), 0, {1, 1, 1, 4}, {1, 10, 200, 2000});
}

TEST(Conv2DBackpropInputTest, SpreadsEachElement) {
  OneOp op("Conv2DBackpropInput");
  op.Constant(Int32s({4}, {1, 2, 4, 1}))
      .Constant(Floats({2, 2, 1, 1}, {1, 2, 3, 4}))
      .Fed(Floats({1, 1, 2, 1}, {1, 10}))
      .Attr("strides", "list { i: [1, 2, 2, 1] }")
      .Attr("padding", "s: \"VALID\"");
  ExpectFloats(op.Run(), 0, {1, 2, 4, 1}, {1, 2, 10, 20, 3, 4, 30, 40});
}

TEST(FusedConv2DTest, AppliesItsOpsInOrder) {
  OneOp op("_FusedConv2D");
  op.Fed(Floats({1, 1, 2, 1}, {1, -5}))
      .Constant(Floats({1, 1, 1, 1}, {2}))
      .Constant(Floats({1}, {3}))
      .Attr("strides", kOnes)
      .Attr("padding", "s: \"SAME\"")
      .Attr("fused_ops", "list { s: [\"BiasAdd\", \"Relu\"] }");
  ExpectFloats(op.Run(), 0, {1, 1, 2, 1}, {5, 0});
}

}  // namespace
}  // namespace moulin::testing
