#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

std::string ReshapeTo(PartialShape from, std::vector<int64_t> to) {
  return Inferred(OpKind::kReshape, NoAttrs(), {{DType::kFloat32, from}, Ints(to)});
}

TEST(ReshapeTest, KeepsTheElements) {
  ExpectFloats(RunOne(OpKind::kReshape, NoAttrs(), {Iota({2, 3}), Ints({3, -1})}), {3, 2}, {0, 1, 2, 3, 4, 5});
}

TEST(ReshapeTest, KeepsStrings) {
  const Tensor x = Tensor::OfStrings({2}, {"a", "b"});
  const Tensor y = RunOne(OpKind::kReshape, NoAttrs(), {x, Ints({2, 1})});
  EXPECT_EQ(y.shape(), (Shape{2, 1}));
  EXPECT_THAT(y.strings(), ::testing::ElementsAre("a", "b"));
}

TEST(ReshapeTest, InfersOneSize) {
  EXPECT_EQ(ReshapeTo({4, 6}, {-1, 8}), "f32[3,8]");
  EXPECT_EQ(ReshapeTo({kUnknownDim, 6}, {-1, 8}), "f32[?,8]");
  EXPECT_EQ(ReshapeTo({0, 6}, {0, -1, 2}), "f32[0,3,2]");  // TensorFlow leaves zeros out on both sides
  EXPECT_EQ(ReshapeTo({0, 3}, {-1, 0}), "f32[3,0]");
  EXPECT_EQ(ReshapeTo({0, 3}, {-1, 3}), "f32[0,3]");
}

TEST(ReshapeTest, UnknownShapeOperandGivesTheRank) {
  EXPECT_EQ(Inferred(OpKind::kReshape, NoAttrs(), {{DType::kFloat32, {4}}, {DType::kInt32, {3}}}), "f32[?,?,?]");
  EXPECT_EQ(Inferred(OpKind::kReshape, NoAttrs(), {{DType::kFloat32, {4}}, {DType::kInt32, {kUnknownDim}}}),
            "f32<unknown rank>");
}

TEST(ReshapeTest, RefusesShapesThatDoNotFit) {
  EXPECT_THAT(ReshapeTo({2, 3}, {4}), HasSubstr("E_SHAPE: cannot reshape [2,3] to [4]"));
  EXPECT_THAT(ReshapeTo({2, 3}, {-1, 4}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ReshapeTo({2, 3}, {-1, -1}), HasSubstr("E_SHAPE: axes 0 and 1 are both -1"));
  EXPECT_THAT(ReshapeTo({2, 3}, {-2, 3}), HasSubstr("E_SHAPE: size -2"));
  EXPECT_THAT(ReshapeTo({2, 3}, {int64_t{1} << 40, int64_t{1} << 40}), HasSubstr("E_SHAPE"));
}

TEST(SqueezeTest, DropsAxes) {
  const auto squeeze = [](PartialShape x, std::vector<int64_t> axes) {
    return Inferred(OpKind::kSqueeze, SqueezeAttrs{axes}, {{DType::kInt8, x}});
  };
  EXPECT_EQ(squeeze({1, 2, 1}, {}), "i8[2]");
  EXPECT_EQ(squeeze({1, 2, 1}, {-1}), "i8[1,2]");
  EXPECT_EQ(squeeze({kUnknownDim, 2}, {0}), "i8[2]");
  EXPECT_EQ(squeeze({kUnknownDim, 2}, {}), "i8<unknown rank>");
  EXPECT_THAT(squeeze({1, 2}, {1}), HasSubstr("E_SHAPE: cannot squeeze axis 1 of [1,2]"));
  EXPECT_THAT(squeeze({1, 2}, {2}), HasSubstr("E_ATTR"));
}

TEST(ExpandDimsTest, InsertsAnAxis) {
  const auto expand = [](PartialShape x, int64_t axis) {
    return Inferred(OpKind::kExpandDims, NoAttrs(), {{DType::kBool, x}, Int(axis)});
  };
  EXPECT_EQ(expand({2, 3}, 0), "bool[1,2,3]");
  EXPECT_EQ(expand({2, 3}, -1), "bool[2,3,1]");
  EXPECT_EQ(expand({2, 3}, -3), "bool[1,2,3]");
  EXPECT_THAT(expand({2, 3}, 3), HasSubstr("E_ATTR"));
}

TEST(BitcastTest, SizesThatDifferMakeOrTakeAnAxis) {
  const Tensor x = Tensor::Of<int32_t>({2}, {0x01020304, 0x05060708});
  ExpectValues<uint16_t>(RunOne(OpKind::kBitcast, BitcastAttrs{DType::kUInt16}, {x}), {2, 2},
                         {0x0304, 0x0102, 0x0708, 0x0506});
  const Tensor halves = Tensor::Of<uint16_t>({1, 2}, {0x0304, 0x0102});
  ExpectValues<int32_t>(RunOne(OpKind::kBitcast, BitcastAttrs{DType::kInt32}, {halves}), {1}, {0x01020304});
  EXPECT_THAT(ErrorOf(OpKind::kBitcast, BitcastAttrs{DType::kInt64}, {halves}), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
