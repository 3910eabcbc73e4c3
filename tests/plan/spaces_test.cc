// Plans over the memory of the host and that of a device.
#include <set>

#include "gmock/gmock.h"
#include "tests/plan/plan_testing.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

class SpaceKernel : public FakeKernel {
 public:
  SpaceKernel(MemorySpace space, bool in_place) : FakeKernel(in_place, 0), space_(space) {}
  MemorySpace space() const override { return space_; }

 private:
  const MemorySpace space_;
};

// Kernels of the device, but for the nodes named.
class DeviceKernels : public KernelSource {
 public:
  std::set<std::string> on_host;
  bool in_place = false;
  StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph&, const Node& node) override {
    const MemorySpace space = on_host.contains(node.name) ? MemorySpace::kHost : MemorySpace::kDevice;
    return std::shared_ptr<const Kernel>(std::make_shared<SpaceKernel>(space, in_place));
  }
};

std::shared_ptr<const Plan> MakeChecked(std::shared_ptr<const Graph> graph, DeviceKernels kernels, int lanes = 1) {
  auto plan = MakePlan(std::move(graph), kernels, {.max_lanes = lanes, .allow_in_place = true});
  EXPECT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(VerifyPlan(**plan).ok()) << VerifyPlan(**plan) << "\n" << (*plan)->ToString();
  return *plan;
}

int Count(const Plan& plan, StepKind kind) {
  int count = 0;
  for (const Step& step : plan.steps) count += step.kind == kind;
  return count;
}

std::shared_ptr<Graph> HostChain() {
  GraphMaker m;
  m.Output("y", m.Tanh("c", m.Tanh("b", m.Tanh("a", m.Input("x")))));
  return m.graph();
}

TEST(SpacesTest, InputsAreCopiedInAndOutputsOut) {
  const auto plan = MakeChecked(HostChain(), {});
  EXPECT_EQ(Count(*plan, StepKind::kCopy), 2);
  EXPECT_EQ(plan->arena_bytes, 0);
  EXPECT_EQ(plan->device_arena_bytes, 128);
  EXPECT_EQ(plan->buffers[plan->output_buffers[0]].space, MemorySpace::kHost);
}

TEST(SpacesTest, WhatTheHostDoesIsReachedByCopies) {
  DeviceKernels kernels;
  kernels.on_host = {"b"};
  const auto plan = MakeChecked(HostChain(), kernels, 4);
  EXPECT_EQ(Count(*plan, StepKind::kCopy), 4);  // x in, a out, b in, y out
  EXPECT_EQ(plan->num_lanes, 1);
  EXPECT_EQ(plan->arena_bytes, 128);
}

TEST(SpacesTest, AValueIsCopiedOnce) {
  GraphMaker m;
  const ValueId x = m.Input("x");
  const ValueId t = m.Tanh("t", x);
  m.Output("y", m.Add("sum", m.Add("first", x, t), m.Add("second", t, x)));
  DeviceKernels kernels;
  kernels.on_host = {"first", "second", "sum"};
  EXPECT_EQ(Count(*MakeChecked(m.graph(), kernels), StepKind::kCopy), 2);  // x in, t out
}

TEST(SpacesTest, InputsAndOutputsMayLieOnTheDevice) {
  GraphMaker m;
  const ValueId x = m.Input("x"), c = m.Constant("c", 3);
  m.Output("y", m.Tanh("t", x));
  m.Output("x_again", x);
  m.Output("c", c);
  DeviceKernels kernels;
  const auto plan = MakePlan(m.graph(), kernels, {.io_space = MemorySpace::kDevice});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(VerifyPlan(**plan).ok()) << VerifyPlan(**plan);
  for (const Buffer& buffer : (*plan)->buffers) EXPECT_EQ(buffer.space, MemorySpace::kDevice);
  EXPECT_EQ(Count(**plan, StepKind::kCopy), 2);  // of x and c
  Plan broken = **plan;
  broken.io_space = MemorySpace::kHost;
  EXPECT_THAT(std::string(VerifyPlan(broken).message()), HasSubstr("memory of the caller, which lies on the host"));
}

// A kernel that runs plans within it.
class RegionKernel : public SpaceKernel {
 public:
  explicit RegionKernel(std::shared_ptr<const Plan> plan)
      : SpaceKernel(MemorySpace::kDevice, false), plan_(std::move(plan)) {}
  std::vector<const Plan*> regions() const override { return {plan_.get()}; }

 private:
  const std::shared_ptr<const Plan> plan_;
};

TEST(SpacesTest, PlansWithinStepsAreVerified) {
  DeviceKernels kernels;
  const auto region = std::make_shared<Plan>(**MakePlan(HostChain(), kernels, {.io_space = MemorySpace::kDevice}));
  Plan plan = *MakeChecked(HostChain(), {});
  plan.steps[1].kernel = std::make_shared<RegionKernel>(region);
  EXPECT_TRUE(VerifyPlan(plan).ok()) << VerifyPlan(plan);
  EXPECT_THAT(plan.ToString(), HasSubstr("\nMap \"a\" runs\nplan \"test\": 3 steps"));
  region->steps[1].reads[0] = region->steps[0].reads[0];
  EXPECT_THAT(std::string(VerifyPlan(plan).message()), HasSubstr("which holds value"));
  plan.steps[1].kernel = std::make_shared<RegionKernel>(MakeChecked(HostChain(), {}));
  EXPECT_THAT(std::string(VerifyPlan(plan).message()), HasSubstr("has its inputs and outputs on the host"));
}

TEST(SpacesTest, ConstantsLieWhereTheyAreRead) {
  GraphMaker m;
  const ValueId c = m.Constant("c", 3);
  m.Output("y", m.Add("h", m.Add("d", m.Input("x"), c), c));
  m.Output("c", c);
  DeviceKernels kernels;
  kernels.on_host = {"h"};
  const auto plan = MakeChecked(m.graph(), kernels);
  std::set<MemorySpace> spaces;
  for (const Buffer& b : plan->buffers) {
    if (b.kind == BufferKind::kConstant) spaces.insert(b.space);
  }
  EXPECT_EQ(spaces.size(), 2u);
}

TEST(SpacesTest, ACopyOfAnInputMayBeOverwritten) {
  DeviceKernels kernels;
  kernels.in_place = true;
  EXPECT_EQ(MakeChecked(HostChain(), kernels)->device_arena_bytes, 64);
}

TEST(SpacesTest, LanesOfTheDeviceWaitForCopies) {
  GraphMaker m;
  std::vector<ValueId> branches;
  for (int i = 0; i < 4; ++i) {
    branches.push_back(m.Tanh("t" + std::to_string(i), m.Input("x" + std::to_string(i))));
  }
  m.Output("y", m.Add("z", m.Add("u", branches[0], branches[1]), m.Add("v", branches[2], branches[3])));
  const auto plan = MakeChecked(m.graph(), {}, 4);
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    if (plan->steps[s].kind != StepKind::kWait) continue;
    Plan broken = *plan;
    broken.steps.erase(broken.steps.begin() + s);
    EXPECT_FALSE(VerifyPlan(broken).ok()) << "without step " << s;
  }
}

TEST(SpacesTest, AKernelReachesItsOwnSpaceAlone) {
  Plan plan = *MakeChecked(HostChain(), {});
  for (Step& step : plan.steps) {
    if (step.kind != StepKind::kLaunch) continue;
    step.kernel = std::make_shared<SpaceKernel>(MemorySpace::kHost, false);
    break;
  }
  EXPECT_THAT(std::string(VerifyPlan(plan).message()), HasSubstr("runs on the host, b"));
}

TEST(SpacesTest, CallersMemoryIsTheHosts) {
  Plan plan = *MakeChecked(HostChain(), {});
  plan.buffers[plan.output_buffers[0]].space = MemorySpace::kDevice;
  EXPECT_THAT(std::string(VerifyPlan(plan).message()), HasSubstr("memory of the caller"));
}

}  // namespace
}  // namespace moulin
