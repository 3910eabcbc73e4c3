// The tuner on a stand-in for the runtime whose clock the kernels turn.
#include "cuda/tuning/tuner.h"

#include <cstdio>
#include <map>

#include "base/errors.h"
#include "emulator/sync_cuda_api.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;

// The time, and what it was when each event was recorded.
double now_us = 0;
std::map<cudaEvent_t, double> recorded;

cudaError_t RecordNow(cudaEvent_t event, cudaStream_t) {
  recorded[event] = now_us;
  return cudaSuccess;
}
cudaError_t Elapsed(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  *milliseconds = static_cast<float>((recorded[end] - recorded[start]) / 1000);
  return cudaSuccess;
}

CudaApi ClockedApi() {
  CudaApi api = emulator::SyncCudaApi();
  api.EventRecord = RecordNow;
  api.EventElapsedTime = Elapsed;
  return api;
}

class TunerTest : public ::testing::Test {
 protected:
  // A way that takes so long, and notes each run.
  TuningCandidate Way(std::string name, double microseconds, int64_t workspace = 0) {
    return {name, [=, this]() -> StatusOr<KernelPtr> {
              made_.push_back(name);
              return std::make_shared<SimpleKernel>(
                  name,
                  [=, this](const LaunchContext& context) {
                    ++runs_[name];
                    now_us += microseconds;
                    static_cast<char*>(context.output())[3] = 1;
                    if (workspace > 0) static_cast<char*>(context.workspace)[workspace - 1] = 1;
                    return absl::OkStatus();
                  },
                  workspace);
            }};
  }
  TuningCandidate FailsToBeMade(std::string name) {
    return {name, []() -> StatusOr<KernelPtr> { return MakeError(ErrorCode::kUnsupported, "no"); }};
  }
  TuningCandidate FailsToRun(std::string name) {
    return {name, [name]() -> StatusOr<KernelPtr> {
              return std::make_shared<SimpleKernel>(
                  name, [](const LaunchContext&) { return MakeError(ErrorCode::kDevice, "no"); });
            }};
  }
  std::string Chosen(Tuner& tuner, const std::vector<TuningCandidate>& candidates, const std::string& key = "key") {
    const TuningProblem problem{key, {{DType::kFloat16, 64}, {DType::kInt32, 8}}, {{DType::kFloat32, 4}}};
    const StatusOr<KernelPtr> kernel = tuner.Choose(problem, candidates);
    EXPECT_TRUE(kernel.ok());
    return kernel.ok() && *kernel != nullptr ? (*kernel)->name() : "none";
  }

  const CudaApi api_ = ClockedApi();
  std::vector<std::string> made_;
  std::map<std::string, int> runs_;
};

TEST_F(TunerTest, ChoosesTheFastest) {
  Tuner tuner(api_, {"GPU", ""});
  EXPECT_EQ(Chosen(tuner, {Way("a", 30), Way("b", 10), Way("c", 20)}), "b");
  EXPECT_GT(runs_["a"], 5);  // warmed up, and several samples
  EXPECT_EQ(Chosen(tuner, {Way("a", 5), Way("b", 10), Way("c", 20)}, "another"), "a");
}

TEST_F(TunerTest, RemembersAndThenMakesThatOneAlone) {
  Tuner tuner(api_, {"GPU", ""});
  Chosen(tuner, {Way("a", 30), Way("b", 10)});
  made_.clear();
  runs_.clear();
  EXPECT_EQ(Chosen(tuner, {Way("a", 1), Way("b", 10)}), "b");
  EXPECT_THAT(made_, ElementsAre("b"));
  EXPECT_EQ(runs_["b"], 0);
  // A remembered way that is not there any more: the others are timed.
  EXPECT_EQ(Chosen(tuner, {Way("a", 3), Way("c", 4)}), "a");
}

TEST_F(TunerTest, RemembersInAFile) {
  const std::string path = ::testing::TempDir() + "/moulin_tuner_test";
  std::remove(path.c_str());
  {
    Tuner tuner(api_, {"GPU", path});
    EXPECT_EQ(Chosen(tuner, {Way("a", 30), Way("b", 10)}), "b");
  }
  Tuner again(api_, {"GPU", path});
  EXPECT_EQ(Chosen(again, {Way("a", 1), Way("b", 10)}), "b");
  Tuner elsewhere(api_, {"another GPU", path});
  EXPECT_EQ(Chosen(elsewhere, {Way("a", 1), Way("b", 10)}), "a");
}

TEST_F(TunerTest, PassesOverWhatDoesNotWork) {
  Tuner tuner(api_, {"GPU", ""});
  EXPECT_EQ(Chosen(tuner, {FailsToBeMade("a"), FailsToRun("b"), Way("c", 20), Way("d", 30)}), "c");
  EXPECT_EQ(Chosen(tuner, {FailsToBeMade("a"), Way("c", 20)}, "2"), "c");
  EXPECT_EQ(Chosen(tuner, {FailsToBeMade("a")}, "3"), "none");
  EXPECT_EQ(Chosen(tuner, {}, "4"), "none");
}

TEST_F(TunerTest, TooMuchWorkspaceIsNotTimed) {
  TunerOptions options{"GPU", ""};
  options.max_bytes = 10000;
  Tuner tuner(api_, options);
  EXPECT_EQ(Chosen(tuner, {Way("a", 30, 500), Way("b", 10, 20000), Way("c", 20, 700)}), "c");
  EXPECT_EQ(Chosen(tuner, {Way("a", 30, 20000), Way("b", 10, 30000)}, "2"), "a");  // the first that can be made
}

TEST_F(TunerTest, LeavesNoMemoryBehindAndWritesWithinIt) {
  const int64_t before = emulator::NumDeviceBlocks();
  Tuner tuner(api_, {"GPU", ""});
  Chosen(tuner, {Way("a", 30, 1000), Way("b", 10, 500)});
  EXPECT_EQ(emulator::NumDeviceBlocks(), before);
  EXPECT_TRUE(emulator::CheckDeviceMemory().ok());
}

TEST_F(TunerTest, WithoutATunerTheFirstThatWorks) {
  CudaContext context;
  const TuningProblem problem{"key", {}, {{DType::kFloat32, 4}}};
  const auto chosen = ChooseKernel(context, problem, {FailsToBeMade("a"), Way("b", 30), Way("c", 10)});
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ((*chosen)->name(), "b");
  context.tuner = std::make_shared<Tuner>(api_, TunerOptions{"GPU", ""});
  context.plan_only = true;
  EXPECT_EQ((*ChooseKernel(context, problem, {Way("b", 30), Way("c", 10)}))->name(), "b");
  context.plan_only = false;
  EXPECT_EQ((*ChooseKernel(context, problem, {Way("b", 30), Way("c", 10)}))->name(), "c");
}

}  // namespace
}  // namespace moulin::cuda
