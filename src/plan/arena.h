// Gives buffers their place in one arena, so that those alive at the same time do not overlap.
#ifndef MOULIN_PLAN_ARENA_H_
#define MOULIN_PLAN_ARENA_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "plan/lanes.h"

namespace moulin {

inline constexpr int64_t kArenaAlignment = 64;

// When a buffer is in use: from its first task to its last one on each lane.
struct ArenaRequest {
  int64_t bytes = 0;
  int first_task = 0;
  std::vector<int> last_positions;  // per lane: the position (LaneSchedule) of the last task that touches it; 0: none
};

struct ArenaLayout {
  std::vector<int64_t> offsets;  // per request, multiples of kArenaAlignment
  int64_t bytes = 0;
};

// Greedy by size, each into the smallest gap that fits among the buffers whose use is not ordered before or after its
// own (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020). Cost: the square of the
// number of requests; above kMaxGreedyRequests on one lane, a linear scan in the order of tasks with a best-fit free
// list is used instead. Deterministic.
ArenaLayout LayOutArena(absl::Span<const ArenaRequest> requests, const LaneSchedule& schedule);
inline constexpr size_t kMaxGreedyRequests = 8192;

}  // namespace moulin

#endif  // MOULIN_PLAN_ARENA_H_
