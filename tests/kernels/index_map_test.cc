// The maps behind data movement, held against nested loops over coordinates.
#include "kernels/index_map.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;

template <typename Map>
std::vector<int64_t> Apply(const Map& map, int64_t n) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(map(i));
  return out;
}

TEST(StridedMapTest, TransposesReversesAndRepeats) {
  StridedMap transpose;  // [2, 3] to [3, 2]
  transpose.Push(3, 1);
  transpose.Push(2, 3);
  EXPECT_THAT(Apply(transpose, 6), ElementsAre(0, 3, 1, 4, 2, 5));
  StridedMap reverse;
  reverse.offset = 3;
  reverse.Push(2, 0);
  reverse.Push(2, -2);
  EXPECT_THAT(Apply(reverse, 4), ElementsAre(3, 1, 3, 1));
}

TEST(StridedMapTest, AgreesWithLoopsOverCoordinates) {
  StridedMap map;
  map.offset = 100;
  const int64_t sizes[] = {3, 1, 4, 2}, strides[] = {7, 50, -3, 0};
  for (int d = 0; d < 4; ++d) map.Push(sizes[d], strides[d]);
  int64_t i = 0;
  for (int64_t a = 0; a < 3; ++a) {
    for (int64_t c = 0; c < 4; ++c) {
      for (int64_t d = 0; d < 2; ++d) EXPECT_EQ(map(i++), 100 + 7 * a - 3 * c) << d;
    }
  }
}

TEST(TileMapTest, Wraps) {
  TileMap map;
  map.Push(2, 1, 2);
  map.Push(5, 2, 1);
  EXPECT_THAT(Apply(map, 10), ElementsAre(0, 1, 0, 1, 0, 0, 1, 0, 1, 0));
}

TEST(PadMapTest, ConstantAndMirrors) {
  PadMap map;
  map.Push(6, 2, 3, 1);
  EXPECT_THAT(Apply(map, 6), ElementsAre(-1, -1, 0, 1, 2, -1));
  map.mirror = true;
  EXPECT_THAT(Apply(map, 6), ElementsAre(2, 1, 0, 1, 2, 1));
  map.edge = 1;
  EXPECT_THAT(Apply(map, 6), ElementsAre(1, 0, 0, 1, 2, 2));
}

TEST(RollMapTest, Shifts) {
  RollMap map;
  map.Push(2, 1);
  map.Push(3, 2);
  EXPECT_THAT(Apply(map, 6), ElementsAre(4, 5, 3, 1, 2, 0));
}

TEST(ReverseSequenceMapTest, ReversesPrefixes) {
  const int32_t lengths[] = {3, 1};
  const ReverseSequenceMap<int32_t> map{lengths, 3, 1, 2, 3};
  EXPECT_THAT(Apply(map, 6), ElementsAre(2, 1, 0, 3, 4, 5));
}

}  // namespace
}  // namespace moulin
