// Spreads tasks over lanes and orders the lanes by events.
#ifndef MOULIN_PLAN_LANES_H_
#define MOULIN_PLAN_LANES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace moulin {

// A step to be: what it must come after, and about how long it takes.
struct LaneTask {
  double cost_ns = 0;
  std::vector<int> predecessors;  // tasks of lower index, ascending
};

// Where each task runs and what it waits for.
struct LaneSchedule {
  int num_lanes = 1;
  int num_events = 0;
  std::vector<int> lane;                // per task
  std::vector<int> event;               // per task: the event recorded behind it, or -1
  std::vector<std::vector<int>> waits;  // per task: the events it waits for

  // Whether task `a` is done before task `b` begins.
  bool IsBefore(int a, int b) const { return position[a] <= Before(b)[lane[a]]; }
  // The vector clock of `task`: for each lane, how many of its tasks are done before `task` begins.
  absl::Span<const int> Before(int task) const {
    return absl::MakeConstSpan(clocks).subspan(static_cast<size_t>(task) * num_lanes, num_lanes);
  }
  std::vector<int> position;  // per task: the how-manieth of its lane it is, from 1
  std::vector<int> clocks;    // num_lanes a task
};

// Places each task, in order, on the lane where it can begin first (list scheduling as in HEFT: Topcuoglu, Hariri, Wu
// 2002), a change of lane costing kSyncCostNs, so that short side branches stay where they are. Then gives each task
// the fewest waits that order it behind its predecessors: none for those that its lane, or another wait, implies.
// Deterministic. Cost: tasks x lanes x predecessors.
LaneSchedule ScheduleLanes(absl::Span<const LaneTask> tasks, int max_lanes);

// What handing over from one host thread to another costs, about.
inline constexpr double kSyncCostNs = 8000;

}  // namespace moulin

#endif  // MOULIN_PLAN_LANES_H_
