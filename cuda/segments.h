// Cuts a plan into what is recorded as CUDA graphs and what the host does between them.
#ifndef MOULIN_CUDA_SEGMENTS_H_
#define MOULIN_CUDA_SEGMENTS_H_

#include <vector>

#include "plan/plan.h"

namespace moulin::cuda {

// Steps that belong together, by number; segments run one after another.
struct Segment {
  bool on_device = false;
  std::vector<int> steps;
};

// A plan in which the host has no launches is one segment of the device, whatever its lanes, behind the copies within
// the host (of inputs and constants that are outputs as well). One with launches on the host has one lane
// (plan/planner.cc) and is cut wherever the side changes.
std::vector<Segment> CutIntoSegments(const Plan& plan);

// Whether the step needs the device: a launch of its kernels, a copy from or to its memory.
bool IsDeviceStep(const Plan& plan, const Step& step);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_SEGMENTS_H_
