#include "runtime/fake_graph.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "runtime/fake_testing.h"

namespace moulin::fake_cuda {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Gives up after some seconds, so that a broken stand-in fails rather than hangs.
void SpinUntil(const std::atomic<bool>& flag) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!flag && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_TRUE(flag);
}

TEST_F(FakeCudaTest, AGraphRunsWhenLaunched) {
  const cudaStream_t stream = NewStream();
  std::atomic<int> runs{0};
  Begin(stream);
  for (int i = 0; i < 3; ++i) Do(stream, [&] { ++runs; });
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  Sync(stream);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(Counters().captured_nodes, 3);
  EXPECT_EQ(Api().GraphUpload(executable, stream), cudaSuccess);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(runs, 12);
  EXPECT_EQ(Counters().graph_launches, 4);
  EXPECT_THAT(Violations(), IsEmpty());
}

// first -> (a, b at once) -> last, the second branch in a stream that joins by events.
TEST_F(FakeCudaTest, AGraphKeepsForksAndJoins) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  const cudaEvent_t fork = NewEvent(), join = NewEvent();
  std::atomic<bool> a_runs{false}, b_runs{false};
  int value = 0, a = 0, b = 0, sum = 0;
  Begin(stream);
  Do(stream, [&] { ++value, a_runs = false, b_runs = false; });
  Record(fork, stream);
  Wait(other, fork);
  Do(stream, [&] { a = value, a_runs = true, SpinUntil(b_runs); });
  Do(other, [&] { b = 10 * value, b_runs = true, SpinUntil(a_runs); });
  Record(join, other);
  Wait(stream, join);
  Do(stream, [&] { sum = a + b; });
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
    Sync(stream);
    ASSERT_EQ(sum, 11 * i);
  }
  Do(other, [] {});  // which is free again
  Sync(other);
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(FakeCudaTest, LaunchesOfOneGraphDoNotOverlap) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  int value = 0;  // unguarded: ThreadSanitizer would see an overlap
  Begin(stream);
  Do(stream, [&] { ++value; });
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Api().GraphLaunch(executable, i % 2 == 0 ? stream : other), cudaSuccess);
  }
  EXPECT_EQ(Api().DeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(value, 50);
}

TEST_F(FakeCudaTest, AGraphOutlivesItsHandlesWhileItRuns) {
  const cudaStream_t stream = NewStream();
  std::atomic<bool> may_end{false};
  Begin(stream);
  Do(stream, [&] { SpinUntil(may_end); });
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(Api().StreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  EXPECT_EQ(Api().GraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(Api().GraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(Api().GraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(Live().graphs + Live().executables, 0);
  may_end = true;
  Sync(stream);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaErrorInvalidValue);
}

TEST_F(FakeCudaTest, AnEmptyCaptureIsAGraph) {
  const cudaStream_t stream = NewStream();
  Begin(stream);
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  Sync(stream);
}

TEST_F(FakeCudaTest, UnjoinedWorkIsAnError) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  const cudaEvent_t fork = NewEvent();
  Begin(stream);
  Record(fork, stream);
  Wait(other, fork);
  Do(other, [] {});
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureUnjoined);
  Do(other, [] {});  // which is not capturing any more
  Sync(other);
}

TEST_F(FakeCudaTest, AForkWithoutWorkNeedsNoJoin) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  const cudaEvent_t fork = NewEvent();
  Begin(stream);
  Do(stream, [] {});
  Record(fork, stream);
  Wait(other, fork);
  EndAndInstantiate(stream);
}

TEST_F(FakeCudaTest, WaitingWhileCapturingSpoilsTheCapture) {
  const cudaStream_t stream = NewStream();
  Begin(stream);
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  Begin(stream);
  EXPECT_EQ(Api().DeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(EnqueueHostWork(stream, [] {}), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  const cudaEvent_t event = NewEvent();
  Begin(stream, cudaStreamCaptureModeRelaxed);
  Record(event, stream);
  EXPECT_EQ(Api().EventQuery(event), cudaErrorCapturedEvent);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
}

// The result of allocating in this or another thread while this thread captures in this mode.
cudaError_t MallocWhileCapturing(cudaStream_t stream, cudaStreamCaptureMode mode, bool in_this_thread) {
  EXPECT_EQ(Api().StreamBeginCapture(stream, mode), cudaSuccess);
  cudaError_t error = cudaSuccess;
  const auto allocate = [&] {
    void* memory = nullptr;
    error = Api().Malloc(&memory, 8);
  };
  if (in_this_thread) {
    allocate();
  } else {
    std::thread(allocate).join();
  }
  cudaGraph_t graph = nullptr;
  const cudaError_t end = Api().StreamEndCapture(stream, &graph);
  EXPECT_EQ(end, error == cudaSuccess ? cudaSuccess : cudaErrorStreamCaptureInvalidated);
  return error;
}

TEST_F(FakeCudaTest, AllocatingWhileCapturing) {
  const cudaStream_t stream = NewStream();
  for (const bool here : {true, false}) {
    EXPECT_EQ(MallocWhileCapturing(stream, cudaStreamCaptureModeGlobal, here), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(MallocWhileCapturing(stream, cudaStreamCaptureModeRelaxed, here), cudaSuccess);
  }
  EXPECT_EQ(MallocWhileCapturing(stream, cudaStreamCaptureModeThreadLocal, true), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(MallocWhileCapturing(stream, cudaStreamCaptureModeThreadLocal, false), cudaSuccess);
}

TEST_F(FakeCudaTest, CapturesAndOtherWorkDoNotMix) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  const cudaEvent_t event = NewEvent(), captured = NewEvent();
  Record(event, other);
  Begin(stream);
  EXPECT_EQ(Api().StreamWaitEvent(stream, event, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  Begin(stream);
  Begin(other);
  Record(captured, stream);
  EXPECT_EQ(Api().StreamWaitEvent(other, captured, 0), cudaErrorStreamCaptureMerge);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(EndError(other), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(Api().StreamWaitEvent(other, captured, 0), cudaErrorCapturedEvent);  // of a capture that has ended
}

TEST_F(FakeCudaTest, ACaptureEndsWhereItBegan) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  const cudaEvent_t fork = NewEvent();
  EXPECT_EQ(EndError(stream), cudaErrorIllegalState);
  Begin(stream);
  EXPECT_EQ(Api().StreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaErrorIllegalState);
  Record(fork, stream);
  Wait(other, fork);
  EXPECT_EQ(EndError(other), cudaErrorStreamCaptureUnmatched);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  Begin(stream);
  std::thread([&] { EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureWrongThread); }).join();
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
}

TEST_F(FakeCudaTest, CopiesAreCapturedFromPinnedMemoryAlone) {
  const cudaStream_t stream = NewStream();
  auto* device = NewDevice<int>(4);
  auto* in = NewPinned<int>(4);
  auto* out = NewPinned<int>(4);
  int pageable = 0;
  Begin(stream);
  EXPECT_EQ(Api().MemcpyAsync(device, &pageable, 4, cudaMemcpyHostToDevice, stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(EndError(stream), cudaErrorStreamCaptureInvalidated);
  EXPECT_THAT(Complaints(), HasSubstr("pageable memory was captured"));
  Begin(stream);
  EXPECT_EQ(Api().MemcpyAsync(device, in, 4, cudaMemcpyHostToDevice, stream), cudaSuccess);
  EXPECT_EQ(Api().MemcpyAsync(out, device, 4, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (int i = 0; i < 3; ++i) {
    *in = i;
    EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
    Sync(stream);
    EXPECT_EQ(*out, i);
  }
}

TEST_F(FakeCudaTest, AnInjectedGraphLaunchFails) {
  Options options;
  options.fail_graph_launch = 2;
  Reset(options);
  const cudaStream_t stream = NewStream();
  std::atomic<int> runs{0};
  Begin(stream);
  Do(stream, [&] { ++runs; });
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaErrorLaunchOutOfResources);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(runs, 2);
}

TEST(ExecutableTest, ChainsFollowDependencies) {
  // 0 -> 1 -> 3 and 0 -> 2 -> 3; 4 apart.
  std::vector<GraphNode> nodes(5);
  nodes[1].dependencies = nodes[2].dependencies = {0};
  nodes[3].dependencies = {1, 2};
  const Executable executable(nodes);
  EXPECT_THAT(executable.chains,
              ::testing::ElementsAre(std::vector<int>{0, 1, 3}, std::vector<int>{2}, std::vector<int>{4}));
  EXPECT_FALSE(AllJoined(nodes, {3}));
  EXPECT_TRUE(AllJoined(nodes, {3, 4}));
}

}  // namespace
}  // namespace moulin::fake_cuda
