#include "kernels/box_overlap.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(BoxOverlapTest, IntersectionOverUnion) {
  const float a[] = {0, 0, 2, 2}, b[] = {1, 1, 3, 3}, apart[] = {5, 5, 6, 6};
  EXPECT_FLOAT_EQ(BoxOverlap(a, b), 1.0f / 7);
  EXPECT_EQ(BoxOverlap(a, a), 1);
  EXPECT_EQ(BoxOverlap(a, apart), 0);
}

TEST(BoxOverlapTest, CornersInAnyOrder) {
  const float a[] = {0, 0, 2, 2}, flipped[] = {2, 0, 0, 2};
  EXPECT_EQ(BoxOverlap(a, flipped), 1);
}

TEST(BoxOverlapTest, NoAreaNoOverlap) {
  const float a[] = {0, 0, 2, 2}, line[] = {0, 0, 0, 2};
  EXPECT_EQ(BoxOverlap(a, line), 0);
  EXPECT_EQ(BoxOverlap(line, line), 0);
}

}  // namespace
}  // namespace moulin
