// Tested by tests/cuda/device/segments_test.cc.
#include "cuda/segments.h"

#include <algorithm>
#include <utility>

namespace moulin::cuda {
namespace {

bool IsOnDevice(const Plan& plan, BufferId b) { return plan.buffers[b].space == MemorySpace::kDevice; }

// The host's copies first: they read nothing that is computed.
std::vector<Segment> CopiesThenDevice(const Plan& plan) {
  Segment copies = {.on_device = false}, device = {.on_device = true};
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    (IsDeviceStep(plan, plan.steps[s]) ? device : copies).steps.push_back(s);
  }
  std::vector<Segment> segments;
  if (!copies.steps.empty()) segments.push_back(std::move(copies));
  if (!device.steps.empty()) segments.push_back(std::move(device));
  return segments;
}

std::vector<Segment> CutWhereSideChanges(const Plan& plan) {
  std::vector<Segment> segments;
  for (int s = 0; s < static_cast<int>(plan.steps.size()); ++s) {
    const bool on_device = IsDeviceStep(plan, plan.steps[s]);
    if (segments.empty() || segments.back().on_device != on_device) segments.push_back({on_device, {}});
    segments.back().steps.push_back(s);
  }
  return segments;
}

}  // namespace

bool IsDeviceStep(const Plan& plan, const Step& step) {
  switch (step.kind) {
    case StepKind::kLaunch:
      return step.kernel->space() == MemorySpace::kDevice;
    case StepKind::kCopy:
      return IsOnDevice(plan, step.reads[0]) || IsOnDevice(plan, step.writes[0]);
    default:
      return true;
  }
}

std::vector<Segment> CutIntoSegments(const Plan& plan) {
  const bool host_launches = std::any_of(plan.steps.begin(), plan.steps.end(), [&](const Step& step) {
    return step.kind == StepKind::kLaunch && !IsDeviceStep(plan, step);
  });
  return host_launches ? CutWhereSideChanges(plan) : CopiesThenDevice(plan);
}

}  // namespace moulin::cuda
