#include "import/one_op.h"

namespace moulin::testing {
namespace {

OneOp Pool(const std::string& op, const Tensor& x, const std::string& window, const std::string& strides) {
  OneOp node(op);
  node.Fed(x).Attr("ksize", window).Attr("strides", strides).Attr("padding", "s: \"VALID\"");
  return node;
}

TEST(PoolTest, MaximumAndAverage) {
  const Tensor x = Floats({1, 2, 2, 1}, {1, 2, 3, 6});
  const std::string two = "list { i: [1, 2, 2, 1] }";
  ExpectFloats(Pool("MaxPool", x, two, two).Run(), 0, {1, 1, 1, 1}, {6});
  ExpectFloats(Pool("AvgPool", x, two, two).Run(), 0, {1, 1, 1, 1}, {3});
}

TEST(PoolTest, WindowOfChannels) {
  const Tensor x = Floats({1, 1, 1, 4}, {1, 5, 7, 2});
  const std::string two = "list { i: [1, 1, 1, 2] }";
  ExpectFloats(Pool("MaxPool", x, two, two).Run(), 0, {1, 1, 1, 2}, {5, 7});
  ExpectError(Pool("MaxPool", Floats({1, 1, 1, 3}, {1, 2, 3}), two, two).Run(), "E_ATTR", "divide the 3 channels");
}

TEST(PoolTest, RefusesBadWindows) {
  const Tensor x = Floats({1, 2, 2, 1}, {1, 2, 3, 6});
  const std::string one = "list { i: [1, 1, 1, 1] }";
  ExpectError(Pool("MaxPool", x, "list { i: [1, 0, 2, 1] }", one).Run(), "E_ATTR", "ksize");
  ExpectError(Pool("AvgPool", x, one, "list { i: [1, 1] }").Run(), "E_ATTR", "strides");
  ExpectError(Pool("AvgPool", x, "list { i: [2, 1, 1, 1] }", one).Run(), "E_ATTR", "ksize");
}

TEST(MaxPoolGradTest, GoesToTheMaximum) {
  OneOp op("MaxPoolGrad");
  op.Fed(Floats({1, 1, 4, 1}, {1, 2, 4, 3})).Fed(Floats({1, 1, 2, 1}, {2, 4})).Fed(Floats({1, 1, 2, 1}, {10, 20}));
  op.Attr("ksize", "list { i: [1, 1, 2, 1] }").Attr("strides", "list { i: [1, 1, 2, 1] }");
  ExpectFloats(op.Attr("padding", "s: \"VALID\"").Run(), 0, {1, 1, 4, 1}, {0, 10, 20, 0});
}

}  // namespace
}  // namespace moulin::testing
