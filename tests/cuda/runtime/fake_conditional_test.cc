// Choices and loops in graphs of the stand-in for the CUDA runtime.
#include <atomic>
#include <functional>
#include <vector>

#include "runtime/fake_testing.h"

namespace moulin::fake_cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Body = std::function<void(cudaStream_t)>;

// What a kernel would do by cudaGraphSetConditional.
void Set(cudaGraphConditionalHandle handle, unsigned value) { *reinterpret_cast<unsigned*>(handle) = value; }

class ConditionalTest : public FakeCudaTest {
 protected:
  static cudaGraph_t GraphOf(cudaStream_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(Api().StreamGetCaptureInfo(stream, &status, nullptr, &graph, nullptr, nullptr, nullptr), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusActive);
    return graph;
  }
  static cudaGraphConditionalHandle NewHandle(cudaStream_t stream) {
    cudaGraphConditionalHandle handle = 0;
    EXPECT_EQ(Api().GraphConditionalHandleCreate(&handle, GraphOf(stream), 0, 0), cudaSuccess);
    return handle;
  }
  static cudaError_t TryAddNode(cudaStream_t stream, cudaGraphConditionalHandle handle,
                                cudaGraphConditionalNodeType type, unsigned size, cudaGraphNodeParams* params,
                                cudaGraphNode_t* node) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaGraph_t graph = nullptr;
    const cudaGraphNode_t* dependencies = nullptr;
    size_t count = 0;
    EXPECT_EQ(Api().StreamGetCaptureInfo(stream, &status, nullptr, &graph, &dependencies, nullptr, &count),
              cudaSuccess);
    *params = {};
    params->type = cudaGraphNodeTypeConditional;
    params->conditional.handle = handle;
    params->conditional.type = type;
    params->conditional.size = size;
    return Api().GraphAddNode(node, graph, dependencies, nullptr, count, params);
  }
  // Appends a node to what the stream captures.
  void AddNode(cudaStream_t stream, cudaGraphConditionalHandle handle, cudaGraphConditionalNodeType type,
               const std::vector<Body>& bodies) {
    cudaGraphNodeParams params = {};
    cudaGraphNode_t node = nullptr;
    ASSERT_EQ(TryAddNode(stream, handle, type, static_cast<unsigned>(bodies.size()), &params, &node), cudaSuccess);
    EXPECT_EQ(Api().StreamUpdateCaptureDependencies(stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies),
              cudaSuccess);
    for (size_t i = 0; i < bodies.size(); ++i) {
      const cudaStream_t within = NewStream();
      cudaGraph_t graph = params.conditional.phGraph_out[i];
      EXPECT_EQ(Api().StreamBeginCaptureToGraph(within, graph, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed),
                cudaSuccess);
      bodies[i](within);
      EXPECT_EQ(Api().StreamEndCapture(within, &graph), cudaSuccess);
      EXPECT_EQ(graph, params.conditional.phGraph_out[i]);
    }
  }
  // Launches and waits, twice.
  void Launch(cudaGraphExec_t executable, const std::function<void()>& check) {
    const cudaStream_t stream = NewStream();
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
      Sync(stream);
      check();
    }
  }
};

TEST_F(ConditionalTest, ALoopRunsAsOftenAsItIsTold) {
  const cudaStream_t stream = NewStream();
  int runs = 0, after = 0;  // unguarded: ThreadSanitizer would see what is not ordered
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  int times = 0;
  Do(stream, [&] { runs = 0, Set(handle, runs < times); });
  AddNode(stream, handle, cudaGraphCondTypeWhile, {[&](cudaStream_t body) {
            Do(body, [&] { ++runs; });
            Do(body, [&] { Set(handle, runs < times); });
          }});
  Do(stream, [&] { after = runs; });
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (times = 0; times < 5; ++times) Launch(executable, [&] { EXPECT_EQ(after, times); });
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(ConditionalTest, ASwitchRunsTheBodyOfItsNumber) {
  const cudaStream_t stream = NewStream();
  std::vector<int> runs(3);
  unsigned chosen = 0;
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  Do(stream, [&] { Set(handle, chosen); });
  std::vector<Body> bodies;
  for (int i = 0; i < 3; ++i) bodies.push_back([&, i](cudaStream_t body) { Do(body, [&, i] { ++runs[i]; }); });
  AddNode(stream, handle, cudaGraphCondTypeSwitch, bodies);
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (chosen = 0; chosen < 5; ++chosen) Launch(executable, [] {});
  EXPECT_THAT(runs, ElementsAre(2, 2, 2));
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(ConditionalTest, LoopsWithinLoops) {
  const cudaStream_t stream = NewStream();
  int i = 0, j = 0, runs = 0;
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto outer = NewHandle(stream);
  Do(stream, [&] { i = 0, runs = 0, Set(outer, 1); });
  AddNode(stream, outer, cudaGraphCondTypeWhile, {[&](cudaStream_t body) {
            const auto inner = NewHandle(body);
            Do(body, [&, inner] { j = 0, Set(inner, j < i); });
            AddNode(body, inner, cudaGraphCondTypeWhile,
                    {[&, inner](cudaStream_t within) { Do(within, [&, inner] { ++j, ++runs, Set(inner, j < i); }); }});
            Do(body, [&] { ++i, Set(outer, i < 5); });
          }});
  Launch(EndAndInstantiate(stream), [&] { EXPECT_EQ(runs, 0 + 1 + 2 + 3 + 4); });
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(ConditionalTest, AConditionThatIsNotSetAnewIsAnError) {
  const cudaStream_t stream = NewStream();
  int runs = 0;
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  Do(stream, [&] { Set(handle, 1); });
  AddNode(stream, handle, cudaGraphCondTypeWhile, {[&](cudaStream_t body) { Do(body, [&] { ++runs; }); }});
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(runs, 1);
  EXPECT_THAT(Complaints(), HasSubstr("nothing has set the condition"));
}

TEST_F(ConditionalTest, AHandleIsForOneNodeOfItsGraph) {
  const cudaStream_t stream = NewStream(), other = NewStream();
  Begin(stream, cudaStreamCaptureModeRelaxed);
  Begin(other, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  cudaGraphNodeParams params = {};
  cudaGraphNode_t node = nullptr;
  EXPECT_EQ(TryAddNode(other, handle, cudaGraphCondTypeWhile, 1, &params, &node), cudaErrorInvalidValue);
  EXPECT_EQ(TryAddNode(stream, handle, cudaGraphCondTypeWhile, 2, &params, &node), cudaErrorInvalidValue);
  AddNode(stream, handle, cudaGraphCondTypeWhile, {[](cudaStream_t) {}});
  EXPECT_EQ(TryAddNode(stream, handle, cudaGraphCondTypeWhile, 1, &params, &node), cudaErrorInvalidValue);
  EndAndInstantiate(stream);
}

TEST_F(ConditionalTest, AHandleWithoutANodeIsAnError) {
  const cudaStream_t stream = NewStream();
  Begin(stream, cudaStreamCaptureModeRelaxed);
  NewHandle(stream);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(Api().StreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  EXPECT_EQ(Api().GraphInstantiate(&executable, graph, 0), cudaErrorInvalidValue);
  EXPECT_THAT(Complaints(), HasSubstr("a conditional handle without a node"));
}

TEST_F(ConditionalTest, AGraphThatBranchesIsInstantiatedOnceAtATime) {
  const cudaStream_t stream = NewStream();
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  AddNode(stream, handle, cudaGraphCondTypeIf, {[](cudaStream_t) {}});
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(Api().StreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphExec_t first = nullptr, second = nullptr;
  EXPECT_EQ(Api().GraphInstantiate(&first, graph, 0), cudaSuccess);
  EXPECT_EQ(Api().GraphInstantiate(&second, graph, 0), cudaErrorInvalidValue);
  EXPECT_EQ(Api().GraphExecDestroy(first), cudaSuccess);
  EXPECT_EQ(Api().GraphInstantiate(&second, graph, 0), cudaSuccess);
}

TEST_F(ConditionalTest, ALostDeviceEndsALoop) {
  Reset({.fault_at_work = 100});
  const cudaStream_t stream = NewStream();
  Begin(stream, cudaStreamCaptureModeRelaxed);
  const auto handle = NewHandle(stream);
  Do(stream, [=] { Set(handle, 1); });
  AddNode(stream, handle, cudaGraphCondTypeWhile, {[=](cudaStream_t body) { Do(body, [=] { Set(handle, 1); }); }});
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_THAT(Violations(), IsEmpty());
}

}  // namespace
}  // namespace moulin::fake_cuda
