// A small asynchronous program on the stand-in for the CUDA runtime, and the same with one bug planted: run by
// fake_cuda_test.cc, which expects it to fail exactly with a bug. Half of the bugs are races that only ThreadSanitizer
// sees; the result may well be right.
//
//   moulin_cuda_planted_bugs BUG [stream|graph]     exits with 0 where nothing was found to be wrong
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.h"

namespace moulin::fake_cuda {
namespace {

constexpr int64_t kElements = 1024;
constexpr size_t kBytes = kElements * sizeof(float);

void Check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) std::fprintf(stderr, "%s: %s\n", what, Api().GetErrorName(error));
}
#define CHECK_CALL(call) Check(Api().call, #call)

// The program: x is copied in; two streams compute y = 2 x and z = 3 x; the first joins them to sum = y + z, which is
// copied out.
class Program {
 public:
  Program(std::string bug, bool captured) : bug_(std::move(bug)), captured_(captured) {}

  void Run() {
    Allocate();
    for (int64_t i = 0; i < kElements; ++i) in_[i] = static_cast<float>(i);
    if (Has("race_on_the_host")) RaceOnTheHost();
    if (captured_) {
      RunCaptured();
    } else {
      EnqueueAll();
      if (bug_ == "early_reuse_of_pinned") in_[7] = 0;  // the copy in may not have read it yet
      CHECK_CALL(StreamSynchronize(streams_[0]));
    }
    for (int64_t i = 0; i < kElements; ++i) is_right_ = is_right_ && out_[i] == 5 * static_cast<float>(i);
    Release();
  }
  bool is_right() const { return is_right_; }

 private:
  bool Has(const char* bug) const { return bug_ == bug; }

  void Allocate() {
    void* arena = nullptr;
    CHECK_CALL(Malloc(&arena, 4 * kBytes));
    arena_ = static_cast<float*>(arena);
    CHECK_CALL(HostAlloc(reinterpret_cast<void**>(&in_), kBytes, cudaHostAllocDefault));
    CHECK_CALL(HostAlloc(reinterpret_cast<void**>(&out_), kBytes, cudaHostAllocDefault));
    for (auto& stream : streams_) CHECK_CALL(StreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0));
    for (auto& event : events_) CHECK_CALL(EventCreateWithFlags(&event, cudaEventDisableTiming));
  }

  void Release() {
    CHECK_CALL(FreeHost(in_));
    CHECK_CALL(FreeHost(out_));
    if (!Has("leak")) CHECK_CALL(Free(arena_));
    for (auto& stream : streams_) CHECK_CALL(StreamDestroy(stream));
    for (auto& event : events_) CHECK_CALL(EventDestroy(event));
  }

  // y[i] = a * x[i]
  void Scale(cudaStream_t stream, float* y, const float* x, float a) {
    Check(EnqueueHostWork(stream,
                          [=] {
                            for (int64_t i = 0; i < kElements; ++i) y[i] = a * x[i];
                          }),
          "scale");
  }

  void EnqueueAll() {
    const auto [first, second] = streams_;
    float *x = arena_, *y = arena_ + kElements, *z = arena_ + 2 * kElements, *sum = arena_ + 3 * kElements;
    std::vector<float> pageable(in_, in_ + kElements);
    CHECK_CALL(MemcpyAsync(x, Has("unpinned_copy") ? pageable.data() : in_, kBytes, cudaMemcpyHostToDevice, first));
    CHECK_CALL(EventRecord(events_[0], first));
    // Where all is captured, the second stream would take no part in it without the wait.
    if (!Has("missing_wait") || captured_) CHECK_CALL(StreamWaitEvent(second, events_[0], 0));
    Scale(first, y, x, 2);
    Scale(second, z, x, 3);
    if (Has("early_reuse_of_arena")) Scale(first, x, y, 1);  // the second stream may not have read x yet
    CHECK_CALL(EventRecord(events_[1], second));
    if (!Has("missing_join")) CHECK_CALL(StreamWaitEvent(first, events_[1], 0));
    Check(EnqueueHostWork(first,
                          [=] {
                            for (int64_t i = 0; i < kElements; ++i) sum[i] = y[i] + z[i];
                          }),
          "sum");
    const size_t bytes = Has("copy_beyond_block") ? kBytes + 4 : kBytes;
    CHECK_CALL(MemcpyAsync(out_, sum, bytes, cudaMemcpyDeviceToHost, first));
    if (Has("use_after_free")) UseAfterFree(first);
  }

  // Frees memory while a copy to it is still to come.
  void UseAfterFree(cudaStream_t stream) {
    void* gone = nullptr;
    CHECK_CALL(Malloc(&gone, kBytes));
    CHECK_CALL(MemcpyAsync(gone, arena_, kBytes, cudaMemcpyDeviceToDevice, stream));
    CHECK_CALL(Free(gone));
  }

  // Another thread of the host uses what this one does, with nothing but calls of the runtime to order them.
  void RaceOnTheHost() {
    std::atomic<bool> has_called{false};
    std::thread other([&] {
      ++num_calls_;
      CHECK_CALL(EventQuery(events_[0]));
      has_called.store(true, std::memory_order_relaxed);
    });
    while (!has_called.load(std::memory_order_relaxed)) std::this_thread::yield();
    CHECK_CALL(EventQuery(events_[0]));
    ++num_calls_;
    other.join();
  }

  void RunCaptured() {
    const cudaStream_t stream = streams_[0];
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    CHECK_CALL(StreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    EnqueueAll();
    if (Has("wait_while_capturing")) CHECK_CALL(StreamSynchronize(stream));
    CHECK_CALL(StreamEndCapture(stream, &graph));
    if (graph == nullptr) return;
    CHECK_CALL(GraphInstantiate(&executable, graph, 0));
    for (int i = 0; i < 3; ++i) CHECK_CALL(GraphLaunch(executable, stream));
    if (!Has("result_read_too_early")) CHECK_CALL(StreamSynchronize(stream));
    CHECK_CALL(GraphExecDestroy(executable));
    CHECK_CALL(GraphDestroy(graph));
  }

  const std::string bug_;
  const bool captured_;
  float* arena_ = nullptr;
  float* in_ = nullptr;
  float* out_ = nullptr;
  cudaStream_t streams_[2] = {};
  cudaEvent_t events_[2] = {};
  bool is_right_ = true;
  int num_calls_ = 0;
};

int Main(int argc, char** argv) {
  Options options;
  options.schedule = Schedule::kGated;
  options.forbid_pageable_copies = true;
  Reset(options);
  Program program(argc > 1 ? argv[1] : "none", argc > 2 && std::strcmp(argv[2], "graph") == 0);
  program.Run();
  int status = program.is_right() ? 0 : 3;
  for (const std::string& problem : Finish()) {
    std::fprintf(stderr, "found: %s\n", problem.c_str());
    status = 4;
  }
  return status;
}

}  // namespace
}  // namespace moulin::fake_cuda

int main(int argc, char** argv) { return moulin::fake_cuda::Main(argc, argv); }
