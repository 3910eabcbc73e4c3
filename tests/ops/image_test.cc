// Expected values are TensorFlow's own, or follow from its definition by hand.
#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Tensor ResizeTo(const Tensor& x, int64_t h, int64_t w, ResizeMethod method, bool align_corners, bool half_pixel) {
  return RunOne(OpKind::kResize, ResizeAttrs{method, align_corners, half_pixel, DType::kFloat32}, {x, Ints({h, w})});
}

Tensor Row(std::vector<float> values) {
  const int64_t n = static_cast<int64_t>(values.size());
  return Floats({1, 1, n, 1}, std::move(values));
}

TEST(ResizeTest, Nearest) {
  const Tensor x = Row({0, 1, 2});
  ExpectFloats(ResizeTo(x, 1, 5, ResizeMethod::kNearest, false, false), {1, 1, 5, 1}, {0, 0, 1, 1, 2});
  ExpectFloats(ResizeTo(x, 1, 5, ResizeMethod::kNearest, true, false), {1, 1, 5, 1}, {0, 1, 1, 2, 2});
  ExpectFloats(ResizeTo(x, 1, 5, ResizeMethod::kNearest, false, true), {1, 1, 5, 1}, {0, 0, 1, 2, 2});
}

TEST(ResizeTest, NearestKeepsTheType) {
  const Tensor x = Tensor::Of<uint8_t>({1, 1, 2, 1}, {7, 9});
  const Tensor y = RunOne(OpKind::kResize, ResizeAttrs{ResizeMethod::kNearest}, {x, Ints({2, 2})});
  ExpectValues<uint8_t>(y, {1, 2, 2, 1}, {7, 9, 7, 9});
}

TEST(ResizeTest, Bilinear) {
  const Tensor x = Row({0, 10});
  ExpectFloats(ResizeTo(x, 1, 4, ResizeMethod::kBilinear, false, false), {1, 1, 4, 1}, {0, 5, 10, 10});
  ExpectFloats(ResizeTo(x, 1, 5, ResizeMethod::kBilinear, true, false), {1, 1, 5, 1}, {0, 2.5, 5, 7.5, 10});
  ExpectFloats(ResizeTo(x, 1, 4, ResizeMethod::kBilinear, false, true), {1, 1, 4, 1}, {0, 2.5, 7.5, 10});
  const Tensor square = Floats({1, 2, 2, 1}, {0, 1, 2, 3});
  ExpectFloats(ResizeTo(square, 3, 3, ResizeMethod::kBilinear, true, false), {1, 3, 3, 1},
               {0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3});
}

TEST(ResizeTest, BicubicKeepsConstantsAndSamples) {
  const Tensor x = Row({1, 2, 4, 8});
  // Align corners: the positions of the result include those of the image.
  const Tensor y = ResizeTo(x, 1, 7, ResizeMethod::kBicubic, true, false);
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(y.values<float>()[2 * i], x.values<float>()[i]);
  // Half way with a = -3/4 the weights are -3/32, 19/32, 19/32, -3/32.
  EXPECT_FLOAT_EQ(y.values<float>()[3], (-3 * 1 + 19 * 2 + 19 * 4 - 3 * 8) / 32.0f);
  const Tensor constant = ResizeTo(Row({5, 5, 5}), 2, 7, ResizeMethod::kBicubic, false, true);
  EXPECT_THAT(constant.values<float>(), Pointwise(FloatNear(1e-5f), std::vector<float>(14, 5)));
}

TEST(ResizeTest, AreaIsTheMean) {
  ExpectFloats(ResizeTo(Row({1, 3, 5, 11}), 1, 2, ResizeMethod::kArea, false, false), {1, 1, 2, 1}, {2, 8});
  // A result's element of 3/2: one whole element and half of the next.
  const Tensor y = ResizeTo(Row({3, 6, 9}), 1, 2, ResizeMethod::kArea, false, false);
  EXPECT_FLOAT_EQ(y.values<float>()[0], 4);
  EXPECT_FLOAT_EQ(y.values<float>()[1], 8);
  // One column has no corners to align.
  const Tensor column = ResizeTo(Row({7}), 1, 3, ResizeMethod::kArea, true, false);
  EXPECT_THAT(column.values<float>(), Pointwise(FloatNear(1e-5f), std::vector<float>(3, 7)));
}

TEST(ResizeTest, ChecksSizes) {
  const auto error = [](const Tensor& x, std::vector<int64_t> size) {
    return ErrorOf(OpKind::kResize, ResizeAttrs(), {x, Ints(size)});
  };
  EXPECT_THAT(error(Iota({1, 2, 2, 1}), {0, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(Iota({1, 2, 2, 1}), {1, int64_t{1} << 40}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(Iota({1, 2, 2, 1}), {1 << 20, 1 << 20}), HasSubstr("E_LIMIT"));
  EXPECT_THAT(error(Iota({1, 2, 2, 1}), {1, 1, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(Iota({1, 0, 2, 1}), {1, 1}), HasSubstr("E_SHAPE: the image has no pixels"));
  EXPECT_THAT(error(Iota({2, 2, 1}), {1, 1}), HasSubstr("E_SHAPE"));
  EXPECT_EQ(error(Iota({0, 2, 2, 1}), {1, 1}), "");
}

Tensor Crop(const Tensor& x, std::vector<float> box, int32_t image, int64_t h, int64_t w, CropAndResizeAttrs attrs) {
  return RunOne(OpKind::kCropAndResize, attrs,
                {x, Floats({1, 4}, box), Tensor::Of<int32_t>({1}, {image}), Ints({h, w})});
}

TEST(CropAndResizeTest, InterpolatesInsideTheBox) {
  const Tensor x = Floats({1, 2, 2, 1}, {0, 1, 2, 3});
  ExpectFloats(Crop(x, {0, 0, 1, 1}, 0, 3, 3, {}), {1, 3, 3, 1}, {0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3});
  ExpectFloats(Crop(x, {1, 1, 0, 0}, 0, 2, 2, {}), {1, 2, 2, 1}, {3, 2, 1, 0});  // flipped
  ExpectFloats(Crop(x, {0, 0, 1, 1}, 0, 1, 1, {}), {1, 1, 1, 1}, {1.5});         // the box's middle
}

TEST(CropAndResizeTest, ExtrapolatesOutside) {
  const Tensor x = Floats({1, 2, 2, 1}, {0, 1, 2, 3});
  ExpectFloats(Crop(x, {0, -1, 1, 1}, 0, 2, 3, {false, 9}), {1, 2, 3, 1}, {9, 0, 1, 9, 2, 3});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ExpectFloats(Crop(x, {nan, 0, 1, 1}, 0, 1, 1, {false, 9}), {1, 1, 1, 1}, {9});
}

TEST(CropAndResizeTest, NearestAndOtherImages) {
  ExpectFloats(Crop(Iota({2, 1, 3, 1}), {0, 0, 0, 0.4f}, 1, 1, 2, {true, 0}), {1, 1, 2, 1}, {3, 4});
  EXPECT_THAT(ErrorOf(OpKind::kCropAndResize, CropAndResizeAttrs(),
                      {Iota({1, 2, 2, 1}), Iota({1, 4}), Tensor::Of<int32_t>({1}, {1}), Ints({1, 1})}),
              HasSubstr("E_VALUE: box 0 is of image 1, expected [0, 1)"));
}

}  // namespace
}  // namespace moulin::testing
