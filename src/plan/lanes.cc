// Tested by tests/plan/lanes_test.cc, and with whole plans by tests/plan/random_plan_test.cc.
#include "plan/lanes.h"

#include <algorithm>

namespace moulin {
namespace {

// List scheduling: fills schedule->lane and ->num_lanes.
void PlaceTasks(absl::Span<const LaneTask> tasks, int max_lanes, LaneSchedule* schedule) {
  // Lane 0 begins at once, the others when their thread has been woken.
  std::vector<double> lane_end(max_lanes, kSyncCostNs);
  lane_end[0] = 0;
  std::vector<double> finish(tasks.size(), 0);
  schedule->lane.assign(tasks.size(), 0);
  int lanes_used = 1;
  for (size_t t = 0; t < tasks.size(); ++t) {
    int best = 0;
    double best_start = 0;
    for (int lane = 0; lane < std::min(lanes_used + 1, max_lanes); ++lane) {
      double start = lane_end[lane];
      for (int p : tasks[t].predecessors) {
        start = std::max(start, finish[p] + (schedule->lane[p] == lane ? 0 : kSyncCostNs));
      }
      if (lane == 0 || start < best_start) {
        best = lane;
        best_start = start;
      }
    }
    schedule->lane[t] = best;
    finish[t] = lane_end[best] = best_start + tasks[t].cost_ns;
    lanes_used = std::max(lanes_used, best + 1);
  }
  schedule->num_lanes = lanes_used;
}

void Merge(absl::Span<const int> from, absl::Span<int> into) {
  for (size_t lane = 0; lane < into.size(); ++lane) into[lane] = std::max(into[lane], from[lane]);
}

// Adds the waits of task `t`, whose clock holds what its lane implies.
void AddWaits(const LaneTask& task, int t, LaneSchedule* schedule) {
  const int lanes = schedule->num_lanes;
  absl::Span<int> clock = absl::MakeSpan(schedule->clocks).subspan(static_cast<size_t>(t) * lanes, lanes);
  // Later predecessors first: waiting for one often covers the earlier ones.
  for (auto p = task.predecessors.rbegin(); p != task.predecessors.rend(); ++p) {
    const int lane = schedule->lane[*p];
    if (schedule->position[*p] <= clock[lane]) continue;
    if (schedule->event[*p] < 0) schedule->event[*p] = schedule->num_events++;
    schedule->waits[t].push_back(schedule->event[*p]);
    Merge(schedule->Before(*p), clock);
    clock[lane] = std::max(clock[lane], schedule->position[*p]);
  }
}

}  // namespace

LaneSchedule ScheduleLanes(absl::Span<const LaneTask> tasks, int max_lanes) {
  LaneSchedule schedule;
  PlaceTasks(tasks, std::max(max_lanes, 1), &schedule);
  const int lanes = schedule.num_lanes;
  schedule.event.assign(tasks.size(), -1);
  schedule.waits.resize(tasks.size());
  schedule.position.assign(tasks.size(), 0);
  schedule.clocks.assign(tasks.size() * lanes, 0);
  std::vector<int> last(lanes, -1);  // the latest task of each lane
  for (size_t t = 0; t < tasks.size(); ++t) {
    const int lane = schedule.lane[t];
    absl::Span<int> clock = absl::MakeSpan(schedule.clocks).subspan(t * lanes, lanes);
    if (last[lane] >= 0) {
      Merge(schedule.Before(last[lane]), clock);
      clock[lane] = schedule.position[last[lane]];
    }
    schedule.position[t] = clock[lane] + 1;
    AddWaits(tasks[t], static_cast<int>(t), &schedule);
    last[lane] = static_cast<int>(t);
  }
  return schedule;
}

}  // namespace moulin
