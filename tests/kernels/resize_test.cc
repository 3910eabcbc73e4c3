#include "kernels/resize.h"

#include <cmath>

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(ResizeGeometryTest, Scale) {
  EXPECT_EQ(ResizeGeometry::Scale(4, 2, false), 2);
  EXPECT_EQ(ResizeGeometry::Scale(5, 3, true), 2);
  EXPECT_EQ(ResizeGeometry::Scale(5, 1, true), 5);
  EXPECT_EQ(ResizeGeometry::Scale(1, 4, true), 0.25f);
}

TEST(CubicTapsTest, WeightsAddUpToOne) {
  for (const bool keys : {false, true}) {
    for (float at = -0.75f; at < 5; at += 0.31f) {
      const CubicTaps taps(at, 5, keys);
      float sum = 0;
      for (int k = 0; k < 4; ++k) {
        sum += taps.weight[k];
        EXPECT_GE(taps.index[k], 0);
        EXPECT_LT(taps.index[k], 5);
      }
      EXPECT_NEAR(sum, 1, 1e-6) << at;
    }
  }
}

TEST(CubicTapsTest, KeysKernelDropsTapsOutside) {
  const CubicTaps taps(0.5f, 2, true);  // wanted: -1, 0, 1, 2
  EXPECT_EQ(taps.weight[0], 0);
  EXPECT_EQ(taps.weight[3], 0);
  EXPECT_FLOAT_EQ(taps.weight[1], 0.5f);
}

TEST(ResizeAreaTest, SharesAddUpToTheScale) {
  for (int64_t out = 1; out < 9; ++out) {
    const float scale = ResizeGeometry::Scale(7, out, false);
    for (int64_t i = 0; i < out; ++i) {
      const float begin = static_cast<float>(i) * scale, end = static_cast<float>(i + 1) * scale;
      float sum = 0;
      for (int64_t at = static_cast<int64_t>(std::floor(begin)); at < std::ceil(end); ++at) {
        sum += ResizeArea<float>::Share(at, begin, end, scale);
      }
      EXPECT_NEAR(sum, scale, 1e-5) << out << " " << i;
    }
  }
}

}  // namespace
}  // namespace moulin
