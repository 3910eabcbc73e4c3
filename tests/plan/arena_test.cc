#include "plan/arena.h"

#include <random>

#include "gtest/gtest.h"

namespace moulin {
namespace {

// A schedule of `n` tasks on one lane.
LaneSchedule OneLane(int n) {
  std::vector<LaneTask> tasks(n);
  for (int i = 1; i < n; ++i) tasks[i].predecessors = {i - 1};
  return ScheduleLanes(tasks, 1);
}

ArenaRequest Alive(int64_t bytes, int from, int to) { return {bytes, from, {to + 1}}; }

bool OverlapInBytes(const ArenaRequest& a, int64_t a_offset, const ArenaRequest& b, int64_t b_offset) {
  return a_offset < b_offset + b.bytes && b_offset < a_offset + a.bytes;
}

TEST(ArenaTest, BuffersOfDifferentTimesShare) {
  const ArenaRequest requests[] = {Alive(100, 0, 1), Alive(100, 2, 3), Alive(100, 1, 2)};
  const ArenaLayout layout = LayOutArena(requests, OneLane(4));
  EXPECT_EQ(layout.offsets[0], layout.offsets[1]);
  EXPECT_EQ(layout.bytes, 256);
}

TEST(ArenaTest, TakesTheSmallestGapThatFits) {
  // At task 5 the buffers of 512 and of 128 bytes have left gaps; that of 128 fits best.
  const ArenaRequest requests[] = {Alive(1024, 0, 9), Alive(512, 0, 3), Alive(256, 0, 9),
                                   Alive(128, 0, 3),  Alive(110, 0, 9), Alive(100, 5, 6)};
  const ArenaLayout layout = LayOutArena(requests, OneLane(10));
  EXPECT_EQ(layout.offsets[5], layout.offsets[3]);
}

TEST(ArenaTest, EmptyBuffersTakeNothing) { EXPECT_EQ(LayOutArena({Alive(0, 0, 3)}, OneLane(4)).bytes, 0); }

// Above the limit of the greedy algorithm, the linear one: no overlap, and not much more than what is alive at once.
TEST(ArenaTest, ManyRequestsAreLaidOutWithoutOverlap) {
  constexpr int kTasks = 10000;
  std::mt19937 random(1);
  std::vector<ArenaRequest> requests;
  std::vector<int64_t> alive(kTasks + 30, 0);
  for (int t = 0; t < kTasks - 25; ++t) {
    const int64_t bytes = 64 * (1 + random() % 20);
    const int last = t + static_cast<int>(random() % 20);
    requests.push_back(Alive(bytes, t, last));
    for (int u = t; u <= last; ++u) alive[u] += bytes;
  }
  ASSERT_GT(requests.size(), kMaxGreedyRequests);
  const ArenaLayout layout = LayOutArena(requests, OneLane(kTasks));
  for (size_t a = 0; a < requests.size(); ++a) {
    for (size_t b = a + 1; b < std::min(requests.size(), a + 25); ++b) {
      if (requests[a].last_positions[0] < requests[b].first_task + 1) continue;
      ASSERT_FALSE(OverlapInBytes(requests[a], layout.offsets[a], requests[b], layout.offsets[b])) << a << " " << b;
    }
  }
  EXPECT_LE(layout.bytes, 2 * *std::max_element(alive.begin(), alive.end()));
}

}  // namespace
}  // namespace moulin
