#include "kernels/window.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(WindowTest, SizesAgreeWithCounting) {
  for (int64_t size = 1; size < 12; ++size) {
    for (int64_t extent = 1; extent <= size; ++extent) {
      for (int64_t stride = 1; stride < 5; ++stride) {
        int64_t count = 0;
        for (int64_t begin = 0; begin + extent <= size; begin += stride) ++count;
        EXPECT_EQ(ValidOutputSize(size, extent, stride), count);
      }
    }
  }
  EXPECT_EQ(WindowExtent(3, 2), 5);
  EXPECT_EQ(SameOutputSize(7, 2), 4);
  EXPECT_LT(ValidOutputSize(2, 5, 1), 0);
}

TEST(WindowTest, SamePaddingCoversTheAxis) {
  for (int64_t size = 1; size < 12; ++size) {
    for (int64_t extent = 1; extent < 6; ++extent) {
      for (int64_t stride = 1; stride < 5; ++stride) {
        const int64_t out = SameOutputSize(size, stride);
        const int64_t before = SamePadBefore(size, extent, stride);
        const int64_t after = std::max<int64_t>(0, (out - 1) * stride + extent - size) - before;
        EXPECT_GE(before, 0);
        EXPECT_TRUE(after == before || after == before + 1) << size << " " << extent << " " << stride;
      }
    }
  }
}

TEST(WindowGeometryTest, VisitsTheTapsInside) {
  WindowGeometry g;  // [4, 5] with windows of 2 x 3, dilated by 1 x 2, at stride 2 x 1, padded by 1 x 2 in front
  g.in.sizes[1] = 4;
  g.in.sizes[2] = 5;
  g.in.strides[1] = 5;
  g.in.strides[2] = 1;
  g.out.sizes[1] = 2;
  g.out.sizes[2] = 5;
  g.taps[1] = 2;
  g.taps[2] = 3;
  g.stride[1] = 2;
  g.dilation[2] = 2;
  g.pad_before[1] = 1;
  g.pad_before[2] = 2;
  for (int64_t oy = 0; oy < 2; ++oy) {
    for (int64_t ox = 0; ox < 5; ++ox) {
      std::vector<std::pair<int64_t, int64_t>> expected, visited;
      for (int64_t tap = 0; tap < 6; ++tap) {
        const int64_t y = oy * 2 - 1 + tap / 3, x = ox - 2 + tap % 3 * 2;
        if (y >= 0 && y < 4 && x >= 0 && x < 5) expected.push_back({tap, y * 5 + x});
      }
      g.ForEachTap(oy * 5 + ox, [&](int64_t tap, int64_t offset) { visited.push_back({tap, offset}); });
      EXPECT_EQ(visited, expected);
    }
  }
}

}  // namespace
}  // namespace moulin
