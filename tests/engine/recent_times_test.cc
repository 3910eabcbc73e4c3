#include "engine/recent_times.h"

#include "gtest/gtest.h"

namespace moulin::internal {
namespace {

TEST(RecentTimesTest, MedianOfTheLast) {
  RecentTimes times;
  EXPECT_EQ(times.Median(), 0);
  for (double t : {5.0, 1.0, 3.0}) times.Add(t);
  EXPECT_EQ(times.Median(), 3);
  for (size_t i = 0; i < RecentTimes::kCapacity; ++i) times.Add(7);
  EXPECT_EQ(times.Median(), 7);
}

}  // namespace
}  // namespace moulin::internal
