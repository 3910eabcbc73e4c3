#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(ColorTest, RgbToHsvAndBack) {
  const Tensor rgb = Floats({4, 3}, {1, 0, 0, 0, 0.5f, 0, 0.2f, 0.2f, 0.2f, 0, 0, 1});
  const auto hsv = OneOp("RGBToHSV").Fed(rgb).Run();
  ExpectFloats(hsv, 0, {4, 3}, {0, 1, 1, 1.0f / 3, 1, 0.5f, 0, 0, 0.2f, 2.0f / 3, 1, 1});
  ExpectFloats(OneOp("HSVToRGB").Fed((*hsv)[0]).Run(), 0, {4, 3}, {1, 0, 0, 0, 0.5f, 0, 0.2f, 0.2f, 0.2f, 0, 0, 1});
}

TEST(ColorTest, TurnsTheHue) {
  const auto y = OneOp("AdjustHue").Fed(Floats({1, 1, 3}, {1, 0, 0})).Fed(Floats({}, {1.0f / 3})).Run();
  ExpectFloats(y, 0, {1, 1, 3}, {0, 1, 0});
}

TEST(ColorTest, NoSaturationIsGrey) {
  const auto y = OneOp("AdjustSaturation").Fed(Floats({1, 1, 3}, {1, 0.5f, 0})).Fed(Floats({}, {0})).Run();
  ExpectFloats(y, 0, {1, 1, 3}, {1, 1, 1});
}

TEST(ColorTest, ContrastMovesFromTheMean) {
  const auto y = OneOp("AdjustContrastv2").Fed(Floats({1, 2, 1}, {1, 3})).Fed(Floats({}, {2})).Run();
  ExpectFloats(y, 0, {1, 2, 1}, {0, 4});
}

TEST(ColorTest, NeedsThreeChannels) {
  ExpectError(OneOp("RGBToHSV").Fed(Floats({1, 2}, {1, 2})).Run(), "E_SHAPE", "3 channels");
}

TEST(ResizeTest, RefusesContradictoryAttributes) {
  OneOp op("ResizeBilinear");
  op.Fed(Floats({1, 1, 1, 1}, {1})).Constant(Int32s({2}, {2, 2}));
  ExpectError(op.Attr("align_corners", "b: true").Attr("half_pixel_centers", "b: true").Run(), "E_ATTR", "half_pixel");
}

}  // namespace
}  // namespace moulin::testing
