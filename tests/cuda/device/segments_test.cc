#include "cuda/segments.h"

#include "gmock/gmock.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;

class FakeKernel : public Kernel {
 public:
  explicit FakeKernel(MemorySpace space) : space_(space) {}
  std::string name() const override { return "fake"; }
  MemorySpace space() const override { return space_; }

 private:
  const MemorySpace space_;
};

class SegmentsTest : public ::testing::Test {
 protected:
  SegmentsTest() {
    // Buffer 0 on the host, buffer 1 on the device.
    plan_.buffers.resize(2);
    plan_.buffers[1].space = MemorySpace::kDevice;
  }
  void Launch(MemorySpace space) {
    Step step;
    step.kernel = std::make_shared<FakeKernel>(space);
    plan_.steps.push_back(step);
  }
  void Copy(BufferId from, BufferId to) {
    Step step;
    step.kind = StepKind::kCopy;
    step.reads = {from};
    step.writes = {to};
    plan_.steps.push_back(step);
  }

  Plan plan_;
};

TEST_F(SegmentsTest, ADevicesPlanIsOneGraphBehindTheHostsCopies) {
  Copy(0, 1);
  Launch(MemorySpace::kDevice);
  Copy(0, 0);
  Copy(1, 0);
  const std::vector<Segment> segments = CutIntoSegments(plan_);
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_FALSE(segments[0].on_device);
  EXPECT_THAT(segments[0].steps, ElementsAre(2));
  EXPECT_TRUE(segments[1].on_device);
  EXPECT_THAT(segments[1].steps, ElementsAre(0, 1, 3));
}

TEST_F(SegmentsTest, LaunchesOnTheHostCutTheGraph) {
  Copy(0, 1);
  Launch(MemorySpace::kDevice);
  Copy(1, 0);
  Launch(MemorySpace::kHost);
  Copy(0, 1);
  const std::vector<Segment> segments = CutIntoSegments(plan_);
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_THAT(segments[0].steps, ElementsAre(0, 1, 2));
  EXPECT_THAT(segments[1].steps, ElementsAre(3));
  EXPECT_FALSE(segments[1].on_device);
  EXPECT_THAT(segments[2].steps, ElementsAre(4));
}

TEST_F(SegmentsTest, NothingIsNothing) { EXPECT_TRUE(CutIntoSegments(plan_).empty()); }

}  // namespace
}  // namespace moulin::cuda
