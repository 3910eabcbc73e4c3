// Short forms of calls on the stand-in for the CUDA runtime, for its own tests. Whatever they make lives until Reset.
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_TESTING_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_TESTING_H_

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/fake_cuda.h"

namespace moulin::fake_cuda {

inline void SpinUntil(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

// Each test begins with a fresh runtime, and says what it does wrong and what it leaves alive.
class FakeCudaTest : public ::testing::Test {
 protected:
  void SetUp() override { Reset(); }
  void TearDown() override {
    Finish();
    Reset();
  }

  static cudaStream_t NewStream() {
    cudaStream_t stream = nullptr;
    EXPECT_EQ(Api().StreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0), cudaSuccess);
    return stream;
  }
  static cudaEvent_t NewEvent(unsigned flags = cudaEventDisableTiming) {
    cudaEvent_t event = nullptr;
    EXPECT_EQ(Api().EventCreateWithFlags(&event, flags), cudaSuccess);
    return event;
  }
  template <typename T = void>
  static T* NewDevice(size_t bytes) {
    void* memory = nullptr;
    EXPECT_EQ(Api().Malloc(&memory, bytes), cudaSuccess);
    return static_cast<T*>(memory);
  }
  template <typename T = void>
  static T* NewPinned(size_t bytes) {
    void* memory = nullptr;
    EXPECT_EQ(Api().HostAlloc(&memory, bytes, cudaHostAllocDefault), cudaSuccess);
    return static_cast<T*>(memory);
  }
  static void Do(cudaStream_t stream, std::function<void()> work) {
    EXPECT_EQ(EnqueueHostWork(stream, std::move(work)), cudaSuccess);
  }
  static void Record(cudaEvent_t event, cudaStream_t stream) {
    EXPECT_EQ(Api().EventRecord(event, stream), cudaSuccess);
  }
  static void Wait(cudaStream_t stream, cudaEvent_t event) {
    EXPECT_EQ(Api().StreamWaitEvent(stream, event, 0), cudaSuccess);
  }
  static void Sync(cudaStream_t stream) { EXPECT_EQ(Api().StreamSynchronize(stream), cudaSuccess); }
  static void Begin(cudaStream_t stream, cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
    EXPECT_EQ(Api().StreamBeginCapture(stream, mode), cudaSuccess);
  }
  // Ends a capture that goes well.
  static cudaGraphExec_t EndAndInstantiate(cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(Api().StreamEndCapture(stream, &graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    EXPECT_EQ(Api().GraphInstantiate(&executable, graph, 0), cudaSuccess);
    return executable;
  }
  // The result of ending a capture that does not.
  static cudaError_t EndError(cudaStream_t stream) {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = Api().StreamEndCapture(stream, &graph);
    EXPECT_EQ(graph, nullptr);
    return error;
  }
  static std::string Complaints() {
    std::string all;
    for (const std::string& violation : Violations()) all += violation + "\n";
    return all;
  }
};

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_TESTING_H_
