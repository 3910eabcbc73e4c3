// Tested by tests/plan/arena_test.cc.
#include "plan/arena.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/math.h"

namespace moulin {
namespace {

// Whether every use of `a` is done before task `t` begins.
bool AllBefore(const ArenaRequest& a, int t, const LaneSchedule& schedule) {
  const absl::Span<const int> before = schedule.Before(t);
  for (size_t lane = 0; lane < before.size(); ++lane) {
    if (a.last_positions[lane] > before[lane]) return false;
  }
  return true;
}

bool Interfere(const ArenaRequest& a, const ArenaRequest& b, const LaneSchedule& schedule) {
  return !AllBefore(a, b.first_task, schedule) && !AllBefore(b, a.first_task, schedule);
}

ArenaLayout LayOutGreedily(absl::Span<const ArenaRequest> requests, const LaneSchedule& schedule) {
  ArenaLayout layout;
  layout.offsets.assign(requests.size(), 0);
  std::vector<int> by_size(requests.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(), [&](int a, int b) { return requests[a].bytes > requests[b].bytes; });
  std::vector<int> placed;  // by rising offset
  for (int r : by_size) {
    const int64_t bytes = RoundUp(requests[r].bytes, kArenaAlignment);
    if (bytes == 0) continue;
    int64_t end = 0;  // of the interfering buffers passed so far
    int64_t best = -1, best_gap = INT64_MAX;
    for (int p : placed) {
      if (!Interfere(requests[r], requests[p], schedule)) continue;
      const int64_t gap = layout.offsets[p] - end;
      if (gap >= bytes && gap < best_gap) {
        best = end;
        best_gap = gap;
      }
      end = std::max(end, layout.offsets[p] + RoundUp(requests[p].bytes, kArenaAlignment));
    }
    layout.offsets[r] = best >= 0 ? best : end;
    layout.bytes = std::max(layout.bytes, layout.offsets[r] + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), r,
                                   [&](int a, int b) { return layout.offsets[a] < layout.offsets[b]; }),
                  r);
  }
  return layout;
}

// Free ranges of a growing arena.
class FreeList {
 public:
  int64_t Take(int64_t bytes) {
    auto best = ranges_.end();
    for (auto it = ranges_.begin(); it != ranges_.end(); ++it) {
      if (it->second >= bytes && (best == ranges_.end() || it->second < best->second)) best = it;
    }
    if (best == ranges_.end()) return Grow(bytes);
    const int64_t offset = best->first, left = best->second - bytes;
    ranges_.erase(best);
    if (left > 0) ranges_[offset + bytes] = left;
    return offset;
  }

  void Give(int64_t offset, int64_t bytes) {
    auto next = ranges_.lower_bound(offset);
    if (next != ranges_.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = ranges_.erase(next);
    }
    if (next != ranges_.begin()) {
      auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        previous->second += bytes;
        return;
      }
    }
    ranges_[offset] = bytes;
  }

  int64_t end() const { return end_; }

 private:
  int64_t Grow(int64_t bytes) {
    // A free range at the end is lengthened rather than left behind.
    int64_t offset = end_;
    if (!ranges_.empty() && ranges_.rbegin()->first + ranges_.rbegin()->second == end_) {
      offset = ranges_.rbegin()->first;
      ranges_.erase(std::prev(ranges_.end()));
    }
    end_ = offset + bytes;
    return offset;
  }

  std::map<int64_t, int64_t> ranges_;  // offset -> bytes
  int64_t end_ = 0;
};

// On one lane, where positions count the tasks from 1.
ArenaLayout LayOutLinearly(absl::Span<const ArenaRequest> requests) {
  ArenaLayout layout;
  layout.offsets.assign(requests.size(), 0);
  std::vector<int> by_start(requests.size());
  std::iota(by_start.begin(), by_start.end(), 0);
  std::stable_sort(by_start.begin(), by_start.end(),
                   [&](int a, int b) { return requests[a].first_task < requests[b].first_task; });
  FreeList free;
  std::multimap<int, int> alive;  // by the position of the last use
  for (int r : by_start) {
    const int64_t bytes = RoundUp(requests[r].bytes, kArenaAlignment);
    if (bytes == 0) continue;
    const int start = requests[r].first_task + 1;
    while (!alive.empty() && alive.begin()->first < start) {
      const int gone = alive.begin()->second;
      free.Give(layout.offsets[gone], RoundUp(requests[gone].bytes, kArenaAlignment));
      alive.erase(alive.begin());
    }
    layout.offsets[r] = free.Take(bytes);
    alive.emplace(requests[r].last_positions[0], r);
  }
  layout.bytes = free.end();
  return layout;
}

}  // namespace

ArenaLayout LayOutArena(absl::Span<const ArenaRequest> requests, const LaneSchedule& schedule) {
  if (requests.size() > kMaxGreedyRequests && schedule.num_lanes == 1) return LayOutLinearly(requests);
  return LayOutGreedily(requests, schedule);
}

}  // namespace moulin
