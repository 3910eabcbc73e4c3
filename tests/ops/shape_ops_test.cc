#include "ops/shape_ops.h"

#include <cmath>
#include <limits>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

template <typename T>
std::string RangeError(T start, T limit, T delta) {
  return ErrorOf(OpKind::kRange, NoAttrs(),
                 {Tensor::Scalar<T>(start), Tensor::Scalar<T>(limit), Tensor::Scalar<T>(delta)});
}

template <typename T>
Tensor RangeOf(T start, T limit, T delta) {
  return RunOne(OpKind::kRange, NoAttrs(),
                {Tensor::Scalar<T>(start), Tensor::Scalar<T>(limit), Tensor::Scalar<T>(delta)});
}

TEST(ShapeOfTest, GivesSizes) {
  ExpectValues<int32_t>(RunOne(OpKind::kShapeOf, ShapeOfAttrs{DType::kInt32}, {Iota({2, 0, 3})}), {3}, {2, 0, 3});
  ExpectValues<int64_t>(RunOne(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {Iota({2, 3})}), {}, {6});
  ExpectValues<int32_t>(RunOne(OpKind::kRankOf, NoAttrs(), {Iota({2, 3})}), {}, {2});
}

TEST(ShapeOfTest, FollowsFromTypesAlone) {
  const TensorType known{DType::kFloat32, Shape{2, 3}};
  const TensorType partly{DType::kFloat32, {kUnknownDim, 0}};
  Node node;
  node.kind = OpKind::kShapeOf;
  node.attrs = ShapeOfAttrs{DType::kInt32};
  ASSERT_TRUE(ConstantOfShape(node, {known}).has_value());
  ExpectValues<int32_t>(*ConstantOfShape(node, {known}), {2}, {2, 3});
  EXPECT_FALSE(ConstantOfShape(node, {partly}).has_value());
  node.kind = OpKind::kSizeOfTensor;
  ASSERT_TRUE(ConstantOfShape(node, {partly}).has_value());
  ExpectValues<int32_t>(*ConstantOfShape(node, {partly}), {}, {0});
  node.kind = OpKind::kRankOf;
  node.attrs = NoAttrs();
  ExpectValues<int32_t>(*ConstantOfShape(node, {partly}), {}, {2});
  node.kind = OpKind::kWhere;
  EXPECT_FALSE(ConstantOfShape(node, {known}).has_value());
}

TEST(BroadcastShapesTest, AgreesOrFails) {
  ExpectValues<int64_t>(RunOne(OpKind::kBroadcastShapes, NoAttrs(), {Ints({3, 1}), Ints({2, 1, 4})}), {3}, {2, 3, 4});
  ExpectValues<int64_t>(RunOne(OpKind::kBroadcastShapes, NoAttrs(), {Ints({}), Ints({0})}), {1}, {0});
  EXPECT_THAT(ErrorOf(OpKind::kBroadcastShapes, NoAttrs(), {Ints({3}), Ints({2})}), HasSubstr("E_SHAPE"));
}

TEST(RangeTest, Integers) {
  ExpectValues<int64_t>(RangeOf<int64_t>(1, 8, 3), {3}, {1, 4, 7});
  ExpectValues<int64_t>(RangeOf<int64_t>(3, 0, -1), {3}, {3, 2, 1});
  ExpectValues<int64_t>(RangeOf<int64_t>(3, 3, 1), {0}, {});
  ExpectValues<uint8_t>(RangeOf<uint8_t>(250, 255, 2), {3}, {250, 252, 254});
}

TEST(RangeTest, FloatsMultiplyInsteadOfAddingUp) {
  const Tensor y = RangeOf<float>(0, 1, 0.1f);
  ASSERT_EQ(y.num_elements(), 10);
  EXPECT_EQ(y.values<float>()[7], 7 * 0.1f);  // a running sum gives the next float
}

TEST(RangeTest, RefusesWhatDoesNotEnd) {
  EXPECT_THAT(RangeError<int64_t>(0, 5, 0), HasSubstr("E_VALUE"));
  EXPECT_THAT(RangeError<int64_t>(5, 0, 1), HasSubstr("E_VALUE"));
  EXPECT_THAT(RangeError<float>(0, 5, std::nanf("")), HasSubstr("E_VALUE"));
  EXPECT_THAT(RangeError<float>(0, std::nanf(""), 1), HasSubstr("E_VALUE"));
  EXPECT_THAT(RangeError<int64_t>(0, int64_t{1} << 40, 1), HasSubstr("E_LIMIT"));
  const int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(RangeError<int64_t>(low, high, 1), HasSubstr("E_LIMIT"));
  ExpectValues<int64_t>(RangeOf<int64_t>(high, low, low), {2}, {high, -1});
}

TEST(RangeTest, SizeIsUnknownWithoutConstants) {
  const Operand unknown(DType::kInt32, Shape());
  EXPECT_EQ(Inferred(OpKind::kRange, NoAttrs(), {unknown, unknown, unknown}), "i32[?]");
}

TEST(LinSpaceTest, EndsAtStop) {
  ExpectFloats(RunOne(OpKind::kLinSpace, NoAttrs(), {Floats({}, {0}), Floats({}, {1}), Int(5)}), {5},
               {0, 0.25, 0.5, 0.75, 1});
  ExpectFloats(RunOne(OpKind::kLinSpace, NoAttrs(), {Floats({}, {3}), Floats({}, {9}), Int(1)}), {1}, {3});
  EXPECT_THAT(ErrorOf(OpKind::kLinSpace, NoAttrs(), {Floats({}, {3}), Floats({}, {9}), Int(0)}), HasSubstr("E_VALUE"));
}

}  // namespace
}  // namespace moulin::testing
