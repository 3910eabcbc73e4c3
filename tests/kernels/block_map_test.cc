#include "kernels/block_map.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

// One batch of two images 3 x 4 with 2 channels, padded to 4 x 6, in blocks of 2 x 3.
BlockAxes Axes() {
  BlockAxes a;
  a.batch = 2;
  a.inner = 2;
  a.Push(2, 1, 3, 2);
  a.Push(3, 1, 4, 2);
  return a;
}

TEST(BlockMapTest, SpaceToBatchAgreesWithCoordinates) {
  const SpaceToBatchMap map{Axes()};
  int64_t i = 0;
  for (int64_t in_block = 0; in_block < 6; ++in_block) {
    for (int64_t batch = 0; batch < 2; ++batch) {
      for (int64_t by = 0; by < 2; ++by) {
        for (int64_t bx = 0; bx < 2; ++bx) {
          for (int64_t c = 0; c < 2; ++c) {
            const int64_t y = by * 2 + in_block / 3 - 1, x = bx * 3 + in_block % 3 - 1;
            const bool inside = y >= 0 && y < 3 && x >= 0 && x < 4;
            EXPECT_EQ(map(i++), inside ? ((batch * 3 + y) * 4 + x) * 2 + c : -1);
          }
        }
      }
    }
  }
}

TEST(BlockMapTest, BatchToSpaceIsTheInverse) {
  const SpaceToBatchMap spread{Axes()};
  const BatchToSpaceMap gather{Axes()};
  for (int64_t i = 0; i < 2 * 3 * 4 * 2; ++i) EXPECT_EQ(spread(gather(i)), i);
}

}  // namespace
}  // namespace moulin
