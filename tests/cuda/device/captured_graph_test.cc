#include "cuda/captured_graph.h"

#include <functional>

#include "base/errors.h"
#include "runtime/fake_testing.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Plans whose launches are functions of the host.
class CapturedGraphTest : public fake_cuda::FakeCudaTest {
 protected:
  void Launch(int lane, std::function<void()> work) {
    plan_.steps.push_back({.kind = StepKind::kLaunch, .lane = lane, .node = static_cast<NodeId>(works_.size())});
    works_.push_back(std::move(work));
    plan_.num_lanes = std::max(plan_.num_lanes, lane + 1);
  }
  void AddEvent(StepKind kind, int lane, int event) {
    plan_.steps.push_back({.kind = kind, .lane = lane, .event = event});
    plan_.num_events = std::max(plan_.num_events, event + 1);
  }

  StatusOr<std::unique_ptr<CapturedGraph>> Capture(std::vector<int> steps = {}) {
    if (steps.empty()) {
      for (size_t s = 0; s < plan_.steps.size(); ++s) steps.push_back(static_cast<int>(s));
    }
    return CapturedGraph::Capture(fake_cuda::Api(), plan_, steps, [this](const Step& step, cudaStream_t stream) {
      if (works_[step.node] == nullptr) return MakeError(ErrorCode::kUnsupported, "no such step");
      return ToStatus(fake_cuda::Api(), fake_cuda::EnqueueHostWork(stream, works_[step.node]), "enqueuing");
    });
  }
  // Launches it and waits.
  void Run(const StatusOr<std::unique_ptr<CapturedGraph>>& graph) {
    ASSERT_TRUE(graph.ok()) << graph.status();
    const cudaStream_t stream = NewStream();
    EXPECT_EQ((*graph)->Launch(stream), cudaSuccess);
    Sync(stream);
    EXPECT_EQ(fake_cuda::Api().StreamDestroy(stream), cudaSuccess);
    EXPECT_THAT(Complaints(), IsEmpty());
  }

  Plan plan_;
  std::vector<std::function<void()>> works_;  // by Step::node
};

// No event of the plan brings the lanes into the capture, or back.
TEST_F(CapturedGraphTest, LanesThatNothingOrders) {
  std::vector<int> runs(4, 0);
  for (int lane = 0; lane < 4; ++lane) Launch(lane, [&, lane] { ++runs[lane]; });
  const auto graph = Capture();
  EXPECT_THAT(runs, ElementsAre(0, 0, 0, 0));
  for (int i = 0; i < 3; ++i) Run(graph);
  EXPECT_THAT(runs, ElementsAre(3, 3, 3, 3));
}

TEST_F(CapturedGraphTest, EventsOrderLanes) {
  int x = 0, y = 0, z = 0;
  Launch(0, [&] { ++x; });
  AddEvent(StepKind::kRecord, 0, 0);
  AddEvent(StepKind::kWait, 1, 0);
  Launch(1, [&] { y += x; });
  AddEvent(StepKind::kRecord, 1, 1);
  AddEvent(StepKind::kWait, 0, 1);
  Launch(0, [&] { z = x + y; });
  const auto graph = Capture();
  for (int i = 0; i < 20; ++i) Run(graph);
  EXPECT_EQ(y, 20 * 21 / 2);
  EXPECT_EQ(z, 20 + y);
}

TEST_F(CapturedGraphTest, EventsRecordedOutsideOfTheStepsHavePassed) {
  int runs = 0;
  Launch(0, [] {});
  AddEvent(StepKind::kRecord, 0, 0);
  AddEvent(StepKind::kWait, 1, 0);
  Launch(1, [&] { ++runs; });
  Run(Capture({2, 3}));
  EXPECT_EQ(runs, 1);
}

TEST_F(CapturedGraphTest, AStepThatFailsEndsTheCapture) {
  Launch(0, [] {});
  Launch(1, nullptr);
  EXPECT_THAT(std::string(Capture().status().message()), HasSubstr("no such step"));
  const fake_cuda::LiveObjects live = fake_cuda::Live();
  EXPECT_EQ(live, fake_cuda::LiveObjects()) << live.ToString();
  EXPECT_EQ(fake_cuda::Api().GetLastError(), cudaSuccess);
  works_[1] = [] {};
  Run(Capture());  // the next one is none the worse for it
}

TEST_F(CapturedGraphTest, LeavesNothingBehind) {
  for (int lane = 0; lane < 3; ++lane) Launch(lane, [] {});
  Run(Capture());
  EXPECT_THAT(fake_cuda::Finish(), IsEmpty());
}

}  // namespace
}  // namespace moulin::cuda
