// Random windows of images: that they are what was asked for, and what bad operands give. That they are TensorFlow's is
// in tests/cases/random_cases.py.
#include <algorithm>
#include <cmath>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

HostOpAttrs CropAttrs() {
  HostOpAttrs attrs;
  attrs.op = "StatelessSampleDistortedBoundingBox";
  attrs.output_types = {DType::kInt64, DType::kInt64, DType::kFloat32};
  attrs.floats = {{"area_range", 0.2}, {"area_range", 0.5}, {"aspect_ratio_range", 0.5}, {"aspect_ratio_range", 2}};
  return attrs;
}

std::vector<Tensor> Operands(std::vector<int64_t> size, std::vector<float> box, float covered, int64_t seed) {
  return {Ints(std::move(size)), Floats({1, 1, 4}, std::move(box)), Floats({}, {covered}), Ints({seed, 1})};
}

TEST(RandomWindowTest, LiesInTheImageAndHoldsTheObject) {
  for (int64_t seed = 0; seed < 50; ++seed) {
    const auto y = RunOp(OpKind::kHostOp, CropAttrs(), Operands({60, 80, 3}, {0.25, 0.25, 0.5, 0.5}, 0.9f, seed));
    ASSERT_TRUE(y.ok()) << y.status();
    const auto begin = Values<int64_t>((*y)[0]), size = Values<int64_t>((*y)[1]);
    EXPECT_GE(begin[0], 0);
    EXPECT_LE(begin[0] + size[0], 60);
    EXPECT_GE(begin[1], 0);
    EXPECT_LE(begin[1] + size[1], 80);
    const double area = static_cast<double>(size[0] * size[1]) / (60 * 80);
    const bool is_whole = area == 1;
    EXPECT_TRUE(is_whole || (area > 0.19 && area < 0.51)) << area;
    // Nine tenths of the object's 15 rows and 20 columns.
    const auto common = [&](int axis, int64_t low, int64_t high) {
      return std::min(begin[axis] + size[axis], high) - std::max(begin[axis], low);
    };
    EXPECT_GE(common(0, 15, 30) * common(1, 20, 40), 270);
  }
}

TEST(RandomWindowTest, WhatCannotBeIsTheWholeImage) {
  const auto y = RunOp(OpKind::kHostOp, CropAttrs(), Operands({60, 80, 3}, {0, 0, 1, 1}, 1.0f, 3));
  ASSERT_TRUE(y.ok()) << y.status();
  ExpectValues<int64_t>((*y)[0], {3}, {0, 0, 0});
  ExpectValues<int64_t>((*y)[1], {3}, {60, 80, -1});
}

TEST(RandomWindowTest, BadOperandsAreErrors) {
  const std::vector<float> box = {0, 0, 1, 1};
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CropAttrs(), Operands({60, 80}, box, 0, 1)), HasSubstr("image_size"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CropAttrs(), Operands({-1, 80, 3}, box, 0, 1)), HasSubstr("image_size"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CropAttrs(), Operands({60, 80, 3}, {0, 0, 1, 1.5}, 0, 1)), HasSubstr("[0, 1]"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CropAttrs(), Operands({60, 80, 3}, {0, 0, 1, NAN}, 0, 1)), HasSubstr("[0, 1]"));
  HostOpAttrs attrs = CropAttrs();
  attrs.floats[0].second = -1;
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, Operands({60, 80, 3}, box, 0, 1)), HasSubstr("area_range"));
  attrs = CropAttrs();
  attrs.ints = {{"max_attempts", 0}};
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, Operands({60, 80, 3}, box, 0, 1)), HasSubstr("max_attempts"));
  attrs.ints = {{"max_attempts", int64_t{1} << 60}};
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, Operands({60, 80, 3}, box, 0, 1)),
              HasSubstr("expected max_attempts of 1 to 100000"));
}

}  // namespace
}  // namespace moulin::testing
