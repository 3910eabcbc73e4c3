#include <limits>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

Tensor Strided(const Tensor& x, std::vector<int64_t> begin, std::vector<int64_t> end, std::vector<int64_t> strides,
               StridedSliceAttrs attrs = {}) {
  return RunOne(OpKind::kStridedSlice, attrs, {x, Ints(begin), Ints(end), Ints(strides)});
}

std::string StridedError(const Tensor& x, std::vector<int64_t> begin, std::vector<int64_t> end,
                         std::vector<int64_t> strides, StridedSliceAttrs attrs = {}) {
  return ErrorOf(OpKind::kStridedSlice, attrs, {x, Ints(begin), Ints(end), Ints(strides)});
}

TEST(SliceTest, TakesAPart) {
  ExpectFloats(RunOne(OpKind::kSlice, NoAttrs(), {Iota({3, 4}), Ints({1, 1}), Ints({-1, 2})}), {2, 2}, {5, 6, 9, 10});
}

TEST(SliceTest, ChecksBounds) {
  const auto error = [](std::vector<int64_t> begin, std::vector<int64_t> size) {
    return ErrorOf(OpKind::kSlice, NoAttrs(), {Iota({3, 4}), Ints(begin), Ints(size)});
  };
  EXPECT_THAT(error({2, 0}, {2, 1}), HasSubstr("E_SHAPE: slice of axis 0: begin 2 + size 2"));
  EXPECT_THAT(error({4, 0}, {0, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error({-1, 0}, {1, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error({1, 0}, {std::numeric_limits<int64_t>::max(), 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error({0}, {1}), HasSubstr("E_SHAPE"));
  EXPECT_EQ(error({3, 0}, {0, 1}), "");
}

TEST(SliceTest, InfersEachAxisByItself) {
  const Operand x(DType::kFloat32, {kUnknownDim, 4});
  EXPECT_EQ(Inferred(OpKind::kSlice, NoAttrs(), {x, Ints({0, 1}), Ints({-1, -1})}), "f32[?,3]");
  EXPECT_EQ(Inferred(OpKind::kSlice, NoAttrs(), {x, {DType::kInt32, {2}}, Ints({2, -1})}), "f32[2,?]");
  EXPECT_EQ(Inferred(OpKind::kSlice, NoAttrs(), {x, Ints({0, 0}), {DType::kInt64, {2}}}), "f32[?,?]");
}

TEST(StridedSliceTest, Steps) {
  ExpectFloats(Strided(Iota({7}), {1}, {6}, {2}), {3}, {1, 3, 5});
  ExpectFloats(Strided(Iota({7}), {5}, {1}, {-2}), {2}, {5, 3});
  ExpectFloats(Strided(Iota({3}), {-1}, {-4}, {-1}), {3}, {2, 1, 0});
  ExpectFloats(Strided(Iota({3}), {2}, {1}, {1}), {0}, {});
}

TEST(StridedSliceTest, MasksTakeWholeAxes) {
  StridedSliceAttrs attrs;
  attrs.begin_mask = attrs.end_mask = 1;
  ExpectFloats(Strided(Iota({3}), {7}, {7}, {-1}, attrs), {3}, {2, 1, 0});
}

TEST(StridedSliceTest, ClampsFarBounds) {
  const int64_t big = std::numeric_limits<int64_t>::max();
  const int64_t small = std::numeric_limits<int64_t>::min();
  ExpectFloats(Strided(Iota({3}), {small}, {big}, {1}), {3}, {0, 1, 2});
  ExpectFloats(Strided(Iota({3}), {big}, {small}, {small}), {1}, {2});
}

TEST(StridedSliceTest, EllipsisNewAxisAndShrink) {
  // x[1, ..., newaxis, 2]
  StridedSliceAttrs attrs;
  attrs.shrink_axis_mask = 0b1001;
  attrs.ellipsis_mask = 0b0010;
  attrs.new_axis_mask = 0b0100;
  ExpectFloats(Strided(Iota({2, 3, 4}), {1, 0, 0, 2}, {2, 0, 0, 3}, {1, 1, 1, 1}, attrs), {3, 1}, {14, 18, 22});
}

TEST(StridedSliceTest, ShrinkTakesNegativeIndices) {
  StridedSliceAttrs attrs;
  attrs.shrink_axis_mask = 1;
  ExpectFloats(Strided(Iota({3}), {-1}, {0}, {1}, attrs), {}, {2});
  EXPECT_THAT(StridedError(Iota({3}), {3}, {4}, {1}, attrs), HasSubstr("E_SHAPE: slice index 3 of axis 0"));
  EXPECT_THAT(StridedError(Iota({3}), {0}, {1}, {-1}, attrs), HasSubstr("E_SHAPE"));
}

TEST(StridedSliceTest, RefusesNonsense) {
  EXPECT_THAT(StridedError(Iota({3}), {0}, {1}, {0}), HasSubstr("E_SHAPE: stride of axis 0 is 0"));
  EXPECT_THAT(StridedError(Iota({3}), {0, 0}, {1, 1}, {1, 1}), HasSubstr("E_SHAPE: a slice of 2 axes"));
  EXPECT_THAT(StridedError(Iota({3}), {0, 0}, {1}, {1}), HasSubstr("E_SHAPE"));
  StridedSliceAttrs attrs;
  attrs.ellipsis_mask = 3;
  EXPECT_THAT(StridedError(Iota({3}), {0, 0}, {1, 1}, {1, 1}, attrs), HasSubstr("E_SHAPE: more than one ellipsis"));
}

TEST(StridedSliceTest, UnknownSizesStayUnknownAxisByAxis) {
  const Operand x(DType::kFloat32, {kUnknownDim, 6});
  EXPECT_EQ(Inferred(OpKind::kStridedSlice, StridedSliceAttrs(), {x, Ints({0, 1}), Ints({2, 5}), Ints({1, 2})}),
            "f32[?,2]");
  StridedSliceAttrs shrink;
  shrink.shrink_axis_mask = 1;
  const Operand unknown(DType::kInt32, {1});
  EXPECT_EQ(Inferred(OpKind::kStridedSlice, shrink, {x, unknown, unknown, Ints({1})}), "f32[6]");
}

TEST(StridedSliceUpdateTest, BroadcastsTheValue) {
  StridedSliceAttrs attrs;
  attrs.begin_mask = attrs.end_mask = 1;
  const Tensor y = RunOne(OpKind::kStridedSliceUpdate, attrs,
                          {Iota({2, 3}), Ints({0, 2}), Ints({0, 0}), Ints({1, -2}), Floats({1}, {9})});
  ExpectFloats(y, {2, 3}, {0, 1, 9, 3, 4, 9});
  EXPECT_THAT(ErrorOf(OpKind::kStridedSliceUpdate, StridedSliceAttrs(),
                      {Iota({3}), Ints({0}), Ints({2}), Ints({1}), Iota({3})}),
              HasSubstr("E_SHAPE"));
}

TEST(SplitTest, GivesAnOutputASize) {
  const auto parts = RunOp(OpKind::kSplit, NoAttrs(), {Iota({2, 4}), Int(-1), Ints({1, -1})});
  ASSERT_TRUE(parts.ok()) << parts.status();
  ExpectFloats((*parts)[0], {2, 1}, {0, 4});
  ExpectFloats((*parts)[1], {2, 3}, {1, 2, 3, 5, 6, 7});
}

TEST(SplitTest, ChecksSizes) {
  const auto error = [](std::vector<int64_t> sizes) {
    return ErrorOf(OpKind::kSplit, NoAttrs(), {Iota({2, 4}), Int(1), Ints(sizes)});
  };
  EXPECT_THAT(error({1, 2}), HasSubstr("E_SHAPE: the sizes of a Split add up to 3, the axis has 4"));
  EXPECT_THAT(error({-1, -1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error({-2, 6}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error({5, -1}), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
