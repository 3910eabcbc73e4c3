// Streams, events, memory and failures of the stand-in. Graphs: fake_graph_test.cc; kernels: fake_kernel_test.cc.
#include "runtime/fake_cuda.h"

#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "runtime/fake_testing.h"

namespace moulin::fake_cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void SleepMs(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
TEST_F(FakeCudaTest, AStreamKeepsItsOrder) {
  const cudaStream_t stream = NewStream();
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) Do(stream, [&order, i] { order.push_back(i); });
  Sync(stream);
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST_F(FakeCudaTest, StreamsRunAtOnce) {
  const cudaStream_t a = NewStream(), b = NewStream();
  std::atomic<bool> a_runs{false}, b_runs{false};
  Do(a, [&] { a_runs = true, SpinUntil(b_runs); });
  Do(b, [&] { b_runs = true, SpinUntil(a_runs); });
  EXPECT_EQ(Api().DeviceSynchronize(), cudaSuccess);
}

TEST_F(FakeCudaTest, AnEventOrdersStreams) {
  const cudaStream_t a = NewStream(), b = NewStream();
  const cudaEvent_t event = NewEvent();
  int value = 0, seen = 0;
  for (int i = 1; i <= 50; ++i) {
    Do(a, [&value, i] { value = i; });
    Record(event, a);
    Wait(b, event);
    Do(b, [&] { seen += value; });
    Record(event, b);
    Wait(a, event);
  }
  Sync(b);
  EXPECT_EQ(seen, 50 * 51 / 2);
}

TEST_F(FakeCudaTest, AWaitIsForTheRecordingBeforeIt) {
  const cudaStream_t a = NewStream(), b = NewStream();
  const cudaEvent_t event = NewEvent();
  std::atomic<bool> may_end{false};
  Record(event, a);
  Wait(b, event);
  Do(a, [&] { SpinUntil(may_end); });
  Record(event, a);  // again; b does not wait for this
  Sync(b);
  EXPECT_EQ(Api().EventQuery(event), cudaErrorNotReady);
  may_end = true;
  EXPECT_EQ(Api().EventSynchronize(event), cudaSuccess);
  EXPECT_EQ(Api().EventQuery(event), cudaSuccess);
}

TEST_F(FakeCudaTest, AnEventThatWasNeverRecordedIsDone) {
  const cudaStream_t stream = NewStream();
  const cudaEvent_t event = NewEvent();
  Wait(stream, event);
  Sync(stream);
  EXPECT_EQ(Api().EventQuery(event), cudaSuccess);
  EXPECT_EQ(Api().EventSynchronize(event), cudaSuccess);
}

TEST_F(FakeCudaTest, EventsMeasureTime) {
  const cudaStream_t stream = NewStream();
  const cudaEvent_t start = NewEvent(cudaEventDefault), end = NewEvent(cudaEventDefault), untimed = NewEvent();
  Record(start, stream);
  Do(stream, [] { SleepMs(5); });
  Record(end, stream);
  Record(untimed, stream);
  Sync(stream);
  float ms = 0;
  EXPECT_EQ(Api().EventElapsedTime(&ms, start, end), cudaSuccess);
  EXPECT_GE(ms, 5);
  EXPECT_EQ(Api().EventElapsedTime(&ms, start, untimed), cudaErrorInvalidResourceHandle);
}

TEST_F(FakeCudaTest, GatedWorkRunsWhenTheHostWaits) {
  Options options;
  options.schedule = Schedule::kGated;
  Reset(options);
  const cudaStream_t a = NewStream(), b = NewStream();
  std::atomic<int> runs{0};
  Do(a, [&] { ++runs; });
  Do(b, [&] { ++runs; });
  SleepMs(20);
  EXPECT_EQ(runs, 0);
  Sync(a);
  while (runs < 2) std::this_thread::yield();  // what was enqueued before may run too
  Do(b, [&] { runs += 10; });
  SleepMs(20);
  EXPECT_EQ(runs, 2);
  Sync(b);
  EXPECT_EQ(runs, 12);
}

TEST_F(FakeCudaTest, DestroyedStreamsFinishTheirWork) {
  std::atomic<int> runs{0};
  const cudaStream_t stream = NewStream();
  for (int i = 0; i < 10; ++i) Do(stream, [&] { ++runs; });
  EXPECT_EQ(Api().StreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(Live().streams, 0);
  EXPECT_EQ(Api().DeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(runs, 10);
  EXPECT_EQ(EnqueueHostWork(stream, [] {}), cudaErrorInvalidResourceHandle);
}

TEST_F(FakeCudaTest, StreamsThatWouldWaitForTheNullStreamAreRefused) {
  cudaStream_t stream = nullptr;
  EXPECT_NE(Api().StreamCreateWithPriority(&stream, cudaStreamDefault, 0), cudaSuccess);
  EXPECT_EQ(Api().StreamSynchronize(nullptr), cudaErrorInvalidResourceHandle);
  EXPECT_THAT(Complaints(), HasSubstr("null stream"));
}

TEST_F(FakeCudaTest, CopiesThroughPinnedMemory) {
  const cudaStream_t stream = NewStream();
  auto* in = NewPinned<int>(400);
  auto* out = NewPinned<int>(400);
  void* device = NewDevice(400);
  for (int i = 0; i < 100; ++i) in[i] = i;
  EXPECT_EQ(Api().MemcpyAsync(device, in, 400, cudaMemcpyHostToDevice, stream), cudaSuccess);
  EXPECT_EQ(Api().MemsetAsync(device, 0, 4, stream), cudaSuccess);
  EXPECT_EQ(Api().MemcpyAsync(out, device, 400, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  Sync(stream);
  in[0] = 0;
  EXPECT_EQ(std::memcmp(in, out, 400), 0);
  EXPECT_EQ(Counters().memcpys, 2);
  EXPECT_EQ(Counters().memsets, 1);
  EXPECT_EQ(Counters().pageable_memcpys, 0);
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(FakeCudaTest, CopiesOfPageableMemory) {
  Options options;
  options.schedule = Schedule::kGated;
  Reset(options);
  const cudaStream_t stream = NewStream();
  auto* device = NewDevice<int>(4);
  int in = 7, out = 0;
  EXPECT_EQ(Api().MemcpyAsync(device, &in, 4, cudaMemcpyHostToDevice, stream), cudaSuccess);
  in = 8;  // it was staged
  EXPECT_EQ(Api().MemcpyAsync(&out, device, 4, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  EXPECT_EQ(out, 7);  // waited
  EXPECT_EQ(Counters().pageable_memcpys, 2);
  EXPECT_EQ(Counters().synchronizations, 1);
  options.forbid_pageable_copies = true;
  Reset(options);
  const cudaStream_t strict = NewStream();
  EXPECT_EQ(Api().MemcpyAsync(NewDevice(4), &in, 4, cudaMemcpyHostToDevice, strict), cudaErrorInvalidValue);
  EXPECT_THAT(Complaints(), HasSubstr("pageable"));
}

TEST_F(FakeCudaTest, CopiesThatCannotBe) {
  const cudaStream_t stream = NewStream();
  void* device = NewDevice(16);
  void* pinned = NewPinned(32);
  const auto copy = [&](void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    return Api().MemcpyAsync(to, from, bytes, kind, stream);
  };
  EXPECT_EQ(copy(device, pinned, 17, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device, pinned, 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(copy(pinned, device, 16, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device, pinned, 16, cudaMemcpyDefault), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(Api().FreeHost(pinned), cudaSuccess);
  EXPECT_EQ(copy(device, pinned, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_THAT(Complaints(), HasSubstr("freed memory"));
  EXPECT_EQ(Api().MemsetAsync(&device, 0, 8, stream), cudaErrorInvalidValue);
}

TEST_F(FakeCudaTest, MemoryIsPoisonedAndAlignedNoBetterThanPromised) {
  auto* device = NewDevice<unsigned char>(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(device) % 512, 256);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(device[i], 0xCB);
}

TEST_F(FakeCudaTest, MemoryEnds) {
  Options options;
  options.device_bytes = 1000;
  Reset(options);
  void* first = NewDevice(600);
  void* second = nullptr;
  EXPECT_EQ(Api().Malloc(&second, 401), cudaErrorMemoryAllocation);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(Api().GetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(Api().GetLastError(), cudaSuccess);
  size_t free = 0, total = 0;
  EXPECT_EQ(Api().MemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, 400);
  EXPECT_EQ(total, 1000);
  EXPECT_EQ(Api().Free(first), cudaSuccess);
  EXPECT_EQ(Api().Malloc(&second, 1000), cudaSuccess);
  EXPECT_EQ(Api().Malloc(&first, 0), cudaSuccess);
  EXPECT_EQ(first, nullptr);
  EXPECT_EQ(Api().Free(nullptr), cudaSuccess);
  EXPECT_THAT(Violations(), IsEmpty());
}

TEST_F(FakeCudaTest, MemoryIsFreedOnceAndAsWhatItIs) {
  void* device = NewDevice(8);
  void* pinned = NewPinned(8);
  EXPECT_EQ(Api().FreeHost(device), cudaErrorInvalidValue);
  EXPECT_EQ(Api().Free(pinned), cudaErrorInvalidValue);
  EXPECT_EQ(Api().Free(device), cudaSuccess);
  EXPECT_EQ(Api().Free(device), cudaErrorInvalidValue);
  EXPECT_EQ(Api().Free(&device), cudaErrorInvalidValue);
}

#if !defined(__SANITIZE_ADDRESS__)  // which catches it first
TEST_F(FakeCudaTest, OverrunsAreFound) {
  for (const int64_t at : {-1, 24, 24 + 255}) {
    auto* block = NewDevice<unsigned char>(24);
    block[at] = 1;
    EXPECT_EQ(Api().Free(block), cudaSuccess);
    EXPECT_THAT(Complaints(), HasSubstr("overrun")) << at;
    Reset();
  }
  NewDevice<unsigned char>(24)[24] = 1;
  EXPECT_THAT(Finish(), ElementsAre(HasSubstr("overrun"), HasSubstr("still alive: 1 device blocks")));
}
#endif

TEST_F(FakeCudaTest, WorkOnFreedMemoryLosesTheDevice) {
  Options options;
  options.schedule = Schedule::kGated;
  Reset(options);
  const cudaStream_t stream = NewStream();
  void* block = NewDevice(8);
  EXPECT_EQ(Api().MemsetAsync(block, 0, 8, stream), cudaSuccess);
  EXPECT_EQ(Api().Free(block), cudaSuccess);  // without waiting
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorIllegalAddress);
  EXPECT_TRUE(IsLost());
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorIllegalAddress);
  EXPECT_THAT(Complaints(), HasSubstr("a memset was given freed memory"));
}

TEST_F(FakeCudaTest, WhatIsAliveIsCounted) {
  EXPECT_EQ(Live(), LiveObjects());
  void* device = NewDevice(10);
  void* pinned = NewPinned(20);
  const cudaStream_t stream = NewStream();
  const cudaEvent_t event = NewEvent();
  LiveObjects expected;
  expected.device_blocks = expected.host_blocks = expected.streams = expected.events = 1;
  expected.device_bytes = 10;
  expected.host_bytes = 20;
  EXPECT_EQ(Live(), expected) << Live().ToString();
  EXPECT_EQ(Api().Free(device), cudaSuccess);
  EXPECT_EQ(Api().FreeHost(pinned), cudaSuccess);
  EXPECT_EQ(Api().StreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(Api().EventDestroy(event), cudaSuccess);
  EXPECT_EQ(Live(), LiveObjects());
  EXPECT_EQ(Counters().mallocs, 1);
  EXPECT_EQ(Counters().frees, 1);
  EXPECT_EQ(Counters().host_allocs, 1);
  EXPECT_EQ(Counters().host_frees, 1);
  EXPECT_THAT(Finish(), IsEmpty());
}

TEST_F(FakeCudaTest, AnInjectedMallocFails) {
  Options options;
  options.fail_malloc = 2;
  Reset(options);
  NewDevice(1);
  void* memory = nullptr;
  EXPECT_EQ(Api().Malloc(&memory, 1), cudaErrorMemoryAllocation);
  NewDevice(1);
}

TEST_F(FakeCudaTest, ALostDeviceAnswersWithItsErrorAndDropsWork) {
  Options options;
  options.fault_at_work = 2;
  Reset(options);
  const cudaStream_t stream = NewStream();
  std::atomic<int> runs{0};
  void* memory = NewDevice(8);
  const cudaEvent_t event = NewEvent();
  for (int i = 0; i < 5; ++i) (void)EnqueueHostWork(stream, [&] { ++runs; });
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(EnqueueHostWork(stream, [&] { ++runs; }), cudaErrorLaunchFailure);
  EXPECT_EQ(Api().EventRecord(event, stream), cudaErrorLaunchFailure);
  EXPECT_EQ(Api().EventQuery(event), cudaErrorLaunchFailure);
  EXPECT_EQ(Api().DeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_EQ(Api().Malloc(&memory, 8), cudaErrorLaunchFailure);
  int count = 0;
  EXPECT_EQ(Api().GetDeviceCount(&count), cudaSuccess);  // it is there all the same
  // What is given back is gone, though the call says that the device is lost.
  EXPECT_EQ(Api().StreamDestroy(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(Api().EventDestroy(event), cudaErrorLaunchFailure);
  EXPECT_EQ(Live().streams + Live().events, 0);
  EXPECT_EQ(runs, 1);
}

TEST_F(FakeCudaTest, TheDeviceIsLostAtACall) {
  Options options;
  options.lose_at_call = 3;
  options.lost_error = cudaErrorECCUncorrectable;
  Reset(options);
  NewStream();
  NewStream();
  cudaStream_t stream = nullptr;
  EXPECT_EQ(Api().StreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0), cudaErrorECCUncorrectable);
  EXPECT_EQ(Api().DeviceSynchronize(), cudaErrorECCUncorrectable);
}

TEST_F(FakeCudaTest, NoDriverAndNoDevice) {
  Options options;
  options.has_driver = false;
  Reset(options);
  int count = -1, version = -1;
  void* memory = nullptr;
  EXPECT_EQ(Api().GetDeviceCount(&count), cudaErrorInsufficientDriver);
  EXPECT_EQ(Api().DriverGetVersion(&version), cudaSuccess);
  EXPECT_EQ(version, 0);
  EXPECT_EQ(Api().Malloc(&memory, 8), cudaErrorInsufficientDriver);
  options.has_driver = true;
  options.num_devices = 0;
  Reset(options);
  EXPECT_EQ(Api().GetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(Api().SetDevice(0), cudaErrorNoDevice);
}

TEST_F(FakeCudaTest, HasThePropertiesOfAnH200) {
  cudaDeviceProp properties;
  EXPECT_EQ(Api().GetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(properties.major, 9);
  EXPECT_EQ(properties.multiProcessorCount, 132);
  EXPECT_EQ(properties.sharedMemPerBlockOptin, 232448);
  EXPECT_EQ(Api().GetDeviceProperties(&properties, 1), cudaErrorInvalidDevice);
  int least = 9, greatest = 9;
  EXPECT_EQ(Api().DeviceGetStreamPriorityRange(&least, &greatest), cudaSuccess);
  EXPECT_LT(greatest, least);
}

// Whether the program of planted_bugs.cc finds fault with itself; its reports go nowhere.
bool Fails(const std::string& bug, const std::string& how) {
  const std::string command = std::string(MOULIN_PLANTED_BUGS) + " " + bug + " " + how + " > /dev/null 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status)) << command;
  return WEXITSTATUS(status) != 0;
}

TEST(PlantedBugs, NoneIsFoundWhereThereIsNone) {
  EXPECT_FALSE(Fails("none", "stream"));
  EXPECT_FALSE(Fails("none", "graph"));
}

TEST(PlantedBugs, FoundByTheStandInAlone) {
  for (const std::string how : {"stream", "graph"}) {
    for (const std::string bug : {"unpinned_copy", "leak", "copy_beyond_block"}) EXPECT_TRUE(Fails(bug, how)) << bug;
  }
  EXPECT_TRUE(Fails("use_after_free", "stream"));
  EXPECT_TRUE(Fails("missing_join", "graph"));
  EXPECT_TRUE(Fails("wait_while_capturing", "graph"));
}

TEST(PlantedBugs, FoundByThreadSanitizer) {
#if !defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "built without ThreadSanitizer";
#endif
  for (const std::string bug :
       {"missing_wait", "missing_join", "early_reuse_of_arena", "early_reuse_of_pinned", "race_on_the_host"}) {
    EXPECT_TRUE(Fails(bug, "stream")) << bug;
  }
  EXPECT_TRUE(Fails("early_reuse_of_arena", "graph"));
  EXPECT_TRUE(Fails("result_read_too_early", "graph"));
}

}  // namespace
}  // namespace moulin::fake_cuda
