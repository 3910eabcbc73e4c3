// Elementwise families, run on the reference kernels. The values expected were computed by hand or by their formulas.
#include <cmath>

#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

// y = op(inputs a, b, c...) on tensors of one type.
Tensor Apply(const std::string& op, const std::vector<Tensor>& inputs, const std::string& attrs) {
  std::string text;
  std::vector<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    names.push_back(std::string(1, static_cast<char>('a' + i)));
    const auto dims = inputs[i].shape().dims();
    const auto* types = tf::DataType_descriptor();
    text += Placeholder(names.back(), {dims.begin(), dims.end()},
                        types->FindValueByNumber(static_cast<int>(inputs[i].dtype()))->name());
  }
  return ImportAndRun(text + NodeText("y", op, names, attrs), inputs);
}

std::vector<float> ApplyFloats(const std::string& op, std::initializer_list<float> x, const std::string& attrs = kT) {
  return ValuesOf<float>(Apply(op, {Floats({static_cast<int64_t>(x.size())}, x)}, attrs));
}

std::vector<int32_t> ApplyInts(const std::string& op, std::vector<int32_t> x, std::vector<int32_t> y) {
  const Shape shape({static_cast<int64_t>(x.size())});
  return ValuesOf<int32_t>(Apply(
      op, {Tensor::Of<int32_t>(shape, absl::MakeConstSpan(x)), Tensor::Of<int32_t>(shape, absl::MakeConstSpan(y))},
      TypeAttr("T", "DT_INT32")));
}

TEST(ElementwiseTest, Unary) {
  EXPECT_THAT(ApplyFloats("Square", {-3, 2}), ElementsAre(9, 4));
  EXPECT_THAT(ApplyFloats("Rint", {0.5, 1.5, -2.5, 2.6}), ElementsAre(0, 2, -2, 3));
  EXPECT_THAT(ApplyFloats("Inv", {4, -0.5}), ElementsAre(0.25, -2));
  EXPECT_THAT(ApplyFloats("BesselI0", {0, 1}), ElementsAre(1, FloatNear(1.26606588f, 1e-5)));
  EXPECT_THAT(ApplyFloats("BesselI1", {0, -1}), ElementsAre(0, FloatNear(-0.56515910f, 1e-5)));
}

TEST(ElementwiseTest, Activations) {
  EXPECT_THAT(ApplyFloats("Relu6", {-1, 3, 9}), ElementsAre(0, 3, 6));
  EXPECT_THAT(ApplyFloats("Softsign", {-3, 0, 1}), ElementsAre(-0.75, 0, 0.5));
  EXPECT_THAT(ApplyFloats("LeakyRelu", {-10, 10}), ElementsAre(FloatNear(-2, 1e-6), 10));
  EXPECT_THAT(ApplyFloats("LeakyRelu", {-10, 10}, kT + FloatAttr("alpha", 2)), ElementsAre(-20, 10));
  EXPECT_THAT(ApplyFloats("Selu", {-1, 0, 1}),
              ElementsAre(FloatNear(1.7580993f * (std::exp(-1.0f) - 1), 1e-6), 0, FloatNear(1.050701f, 1e-6)));
}

TEST(ElementwiseTest, DivisionsOfIntegers) {
  EXPECT_THAT(ApplyInts("Div", {7, -7, 7}, {2, 2, -2}), ElementsAre(3, -3, -3));
  EXPECT_THAT(ApplyInts("TruncateDiv", {7, -7, 7}, {2, 2, -2}), ElementsAre(3, -3, -3));
  EXPECT_THAT(ApplyInts("FloorDiv", {7, -7, 7}, {2, 2, -2}), ElementsAre(3, -4, -4));
  EXPECT_THAT(ApplyInts("Mod", {7, -7, 7}, {2, 2, -2}), ElementsAre(1, -1, 1));
  EXPECT_THAT(ApplyInts("TruncateMod", {7, -7, 7}, {2, 2, -2}), ElementsAre(1, -1, 1));
  EXPECT_THAT(ApplyInts("FloorMod", {7, -7, 7}, {2, 2, -2}), ElementsAre(1, 1, -1));
  EXPECT_THAT(ApplyInts("SquaredDifference", {1, 5}, {4, 4}), ElementsAre(9, 1));
}

TEST(ElementwiseTest, BroadcastsBothWays) {
  const Tensor y = Apply("Sub", {Floats({2, 1}, {10, 20}), Floats({3}, {1, 2, 3})}, kT);
  EXPECT_EQ(y.shape(), Shape({2, 3}));
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(9, 8, 7, 19, 18, 17));
}

TEST(ElementwiseTest, Equality) {
  const Tensor equal = Apply("Equal", {Floats({2}, {1, 2}), Floats({2}, {1, 3})}, kT);
  EXPECT_THAT(ValuesOf<bool>(equal), ElementsAre(true, false));
  const std::string lenient = kT + BoolAttr("incompatible_shape_error", false);
  const Tensor differs = Apply("NotEqual", {Floats({2}, {1, 2}), Floats({3}, {1, 2, 3})}, lenient);
  EXPECT_EQ(differs.shape(), Shape());
  EXPECT_THAT(ValuesOf<bool>(differs), ElementsAre(true));
  const Tensor near =
      Apply("ApproximateEqual", {Floats({2}, {1, 2}), Floats({2}, {1.05, 2.5})}, kT + FloatAttr("tolerance", 0.1));
  EXPECT_THAT(ValuesOf<bool>(near), ElementsAre(true, false));
}

TEST(ElementwiseTest, Casts) {
  const std::string to_int = TypeAttr("SrcT") + TypeAttr("DstT", "DT_INT32");
  EXPECT_THAT(ValuesOf<int32_t>(Apply("Cast", {Floats({3}, {1.9, -1.9, 0})}, to_int)), ElementsAre(1, -1, 0));
  const std::string to_bfloat16 = TypeAttr("SrcT") + TypeAttr("DstT", "DT_BFLOAT16");
  const Tensor x = Floats({1}, {1.005859375f});  // 1.5 units of bfloat16 above 1 + 2^-8
  const Tensor rounded = Apply("Cast", {x}, to_bfloat16);
  const Tensor truncated = Apply("Cast", {x}, to_bfloat16 + BoolAttr("Truncate", true));
  EXPECT_EQ(rounded.values<uint16_t>()[0], 0x3f81);
  EXPECT_EQ(truncated.values<uint16_t>()[0], 0x3f80);
}

TEST(ElementwiseTest, SelectOfVersion1TakesAVectorOverTheFirstAxis) {
  const std::string text = Placeholder("c", {2}, "DT_BOOL") + Placeholder("x", {2, 2}) + Placeholder("y", {2, 2}) +
                           NodeText("s", "Select", {"c", "x", "y"}, kT);
  const std::vector<Tensor> inputs = {Tensor::Of<bool>({2}, {true, false}), Floats({2, 2}, {1, 2, 3, 4}),
                                      Floats({2, 2}, {5, 6, 7, 8})};
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(text, inputs)), ElementsAre(1, 2, 7, 8));
  // The same where the rank is not known at import.
  std::string open = text;
  for (const char* name : {"x", "y"}) {
    open.replace(open.find(Placeholder(name, {2, 2})), Placeholder(name, {2, 2}).size(),
                 NodeText(name, "Placeholder", {}, TypeAttr("dtype")));
  }
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(open, inputs)), ElementsAre(1, 2, 7, 8));
}

TEST(ElementwiseTest, SelectV2AndClip) {
  const Tensor y =
      Apply("SelectV2", {Tensor::Of<bool>({2}, {true, false}), Floats({2, 1}, {1, 2}), Floats({}, {9})}, kT);
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(1, 9, 2, 9));
  const Tensor clipped = Apply("ClipByValue", {Floats({3}, {-5, 0.5, 5}), Floats({}, {0}), Floats({}, {1})}, kT);
  EXPECT_THAT(ValuesOf<float>(clipped), ElementsAre(0, 0.5, 1));
}

TEST(ElementwiseTest, AddNSumsAnyNumber) {
  std::vector<std::string> names(40, "x");
  const Tensor y =
      ImportAndRun(Placeholder("x", {2}) + NodeText("y", "AddN", names, kT + IntAttr("N", 40)), {Floats({2}, {1, 2})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(40, 80));
  EXPECT_THAT(Import(Placeholder("x", {2}) + Placeholder("z", {1, 2}) +
                     NodeText("y", "AddN", {"x", "z"}, kT + IntAttr("N", 2))),
              FailsWith("E_SHAPE", "node \"y\""));
}

TEST(ElementwiseTest, Biases) {
  const Tensor x = Floats({1, 2, 2}, {1, 2, 3, 4});
  const Tensor bias = Floats({2}, {10, 20});
  EXPECT_THAT(ValuesOf<float>(Apply("BiasAdd", {x, bias}, kT)), ElementsAre(11, 22, 13, 24));
  EXPECT_THAT(ValuesOf<float>(Apply("BiasAdd", {x, bias}, kT + StringAttr("data_format", "NCHW"))),
              ElementsAre(11, 12, 23, 24));
  const std::string text = Placeholder("x", {1, 2}) + Placeholder("b", {3});
  EXPECT_THAT(Import(text + NodeText("y", "BiasAdd", {"x", "b"}, kT)), FailsWith("E_SHAPE", "2 channels, got 3"));
  EXPECT_THAT(Import(text + NodeText("y", "BiasAdd", {"x", "b"}, kT + StringAttr("data_format", "CHWN"))),
              FailsWith("E_ATTR", "CHWN"));
}

TEST(ElementwiseTest, CrossAndLikes) {
  const Tensor y = Apply("Cross", {Floats({1, 3}, {1, 2, 3}), Floats({1, 3}, {4, 5, 6})}, kT);
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(-3, 6, -3));
  const Tensor ones = Apply("OnesLike", {Floats({2, 2}, {5, 6, 7, 8})}, kT);
  EXPECT_EQ(ones.shape(), Shape({2, 2}));
  EXPECT_THAT(ValuesOf<float>(ones), ElementsAre(1, 1, 1, 1));
}

}  // namespace
}  // namespace moulin
