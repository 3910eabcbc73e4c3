// What the emulator computes, and that it tells every kind of misuse: each test of the latter plants a bug.
#include "emulator/emulator.h"

#include <numeric>
#include <vector>

#include "emulator/run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename... Params>
Status RunKernel(void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared_bytes,
                 std::type_identity_t<Params>... args) {
  Register("Kernel", kernel, /*is_cooperative=*/true);
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  return Run(reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, pointers);
}
template <typename... Params>
Status RunIndependentKernel(void (*kernel)(Params...), dim3 grid, dim3 block, std::type_identity_t<Params>... args) {
  Register("Kernel", kernel, /*is_cooperative=*/false);
  void* pointers[] = {static_cast<void*>(&args)..., nullptr};
  return Run(reinterpret_cast<const void*>(kernel), grid, block, 0, pointers);
}

const std::vector<Schedule> kSchedules = {
    {}, {Order::kReversed, 1, 0x7B}, {Order::kShuffled, 1, 0xCB}, {Order::kShuffled, 2, 0xFF}};

class EmulatorTest : public ::testing::TestWithParam<Schedule> {
 protected:
  void SetUp() override { SetSchedule(GetParam()); }
  void TearDown() override { SetSchedule({}); }
};
INSTANTIATE_TEST_SUITE_P(Schedules, EmulatorTest, ::testing::ValuesIn(kSchedules));

// Where each thread is, in a grid and blocks of three dimensions.
__global__ void NumberThreads(int* y) {
  const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  y[block * (blockDim.x * blockDim.y * blockDim.z) + thread] += 1 + block * 1000 + thread;
}

TEST_P(EmulatorTest, EveryThreadRunsOnce) {
  const dim3 grid(3, 2, 2), block(5, 2, 3);
  for (bool cooperative : {false, true}) {
    std::vector<int> y(12 * 30, 0), expected;
    for (int b = 0; b < 12; ++b) {
      for (int t = 0; t < 30; ++t) expected.push_back(1 + b * 1000 + t);
    }
    const Status status = cooperative ? RunKernel(NumberThreads, grid, block, 0, y.data())
                                      : RunIndependentKernel(NumberThreads, grid, block, y.data());
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(y, expected);
  }
}

// Sums 256 numbers a block by a tree in shared memory. kMissing: without the barrier between the levels.
template <bool kMissing>
__global__ void TreeSum(const int* x, int* y) {
  __shared__ int part[256];
  const int t = threadIdx.x;
  part[t] = x[blockIdx.x * 256 + t];
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (t < half) part[t] += part[t + half];
    if (!kMissing) __syncthreads();
  }
  if (t == 0) y[blockIdx.x] = part[0];
}

std::vector<int> Counting(int n) {
  std::vector<int> x(n);
  std::iota(x.begin(), x.end(), 0);
  return x;
}

TEST_P(EmulatorTest, BarriersOrderSharedMemory) {
  const std::vector<int> x = Counting(3 * 256);
  std::vector<int> y(3, -1);
  const Status status = RunKernel(TreeSum<false>, dim3(3), dim3(256), 0, x.data(), y.data());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(y, ElementsAre(32640, 98176, 163712));
}

#if !defined(MOULIN_EMULATE_WITH_THREADS)
// Without sanitizers a missing barrier shows by a result that depends on the order.
TEST(EmulatorBugTest, AMissingBarrierGivesAnotherResultInAnotherOrder) {
  const std::vector<int> x = Counting(256);
  bool is_wrong = false;
  for (const Schedule& schedule : kSchedules) {
    SetSchedule(schedule);
    std::vector<int> y(1, -1);
    const Status status = RunKernel(TreeSum<true>, dim3(1), dim3(256), 0, x.data(), y.data());
    ASSERT_TRUE(status.ok()) << status;
    is_wrong |= y[0] != 32640;
  }
  SetSchedule({});
  EXPECT_TRUE(is_wrong);
}
#else
// A missing barrier is a race, whatever the result. The program ends with ThreadSanitizer's exit code.
TEST(EmulatorBugDeathTest, AMissingBarrierIsARace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::vector<int> x = Counting(256);
  std::vector<int> y(1);
  EXPECT_EXIT(
      {
        (void)RunKernel(TreeSum<true>, dim3(1), dim3(256), 0, x.data(), y.data());
        std::exit(0);
      },
      [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 66; }, "data race");
}

// Two threads of an independent kernel that write one element.
__global__ void WriteOne(int* y) { *y = static_cast<int>(threadIdx.x); }

TEST(EmulatorBugDeathTest, TwoWritersOfAnElementAreARace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  int y = 0;
  EXPECT_EXIT(
      {
        (void)RunIndependentKernel(WriteOne, dim3(8), dim3(64), &y);
        std::exit(0);
      },
      [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 66; }, "data race");
}
#endif

// Every shuffle and vote of a warp; the last warp of the block has 8 lanes.
__global__ void WarpFunctions(int* y, unsigned mask) {
  const int t = threadIdx.x, lane = t % 32;
  int* const out = y + t * 8;
  out[0] = __shfl_down_sync(mask, t, 3);
  out[1] = __shfl_up_sync(mask, t, 3);
  out[2] = __shfl_xor_sync(mask, t, 5);
  out[3] = __shfl_sync(mask, t, 7);
  out[4] = __shfl_sync(mask, t, 9, 8);
  out[5] = static_cast<int>(__ballot_sync(mask, lane % 3 == 0));
  out[6] = __any_sync(mask, lane == 6) * 2 + __all_sync(mask, lane < 32);
  out[7] = __shfl_down_sync(mask, t, 6, 8);
}

TEST_P(EmulatorTest, WarpFunctionsExchange) {
  std::vector<int> y(64 * 8, -1);
  const Status status = RunKernel(WarpFunctions, dim3(1), dim3(64), 0, y.data(), ~0u);
  ASSERT_TRUE(status.ok()) << status;
  for (int t = 0; t < 64; ++t) {
    const int lane = t % 32, base = t - lane;
    EXPECT_EQ(y[t * 8], lane + 3 < 32 ? t + 3 : t);
    EXPECT_EQ(y[t * 8 + 1], lane >= 3 ? t - 3 : t);
    EXPECT_EQ(y[t * 8 + 2], base + (lane ^ 5));
    EXPECT_EQ(y[t * 8 + 3], base + 7);
    EXPECT_EQ(y[t * 8 + 4], base + lane / 8 * 8 + 1);
    EXPECT_EQ(static_cast<unsigned>(y[t * 8 + 5]), 0x49249249u);
    EXPECT_EQ(y[t * 8 + 6], 3);
    EXPECT_EQ(y[t * 8 + 7], lane % 8 < 2 ? t + 6 : t);
  }
}

__global__ void ShuffleDoubles(double* y) {
  double x = 0.5 + threadIdx.x;
  for (int delta = 16; delta > 0; delta /= 2) x += __shfl_xor_sync(~0u, x, delta);
  y[threadIdx.x] = x;
}

TEST_P(EmulatorTest, EightByteShuffles) {
  std::vector<double> y(32);
  ASSERT_TRUE(RunKernel(ShuffleDoubles, dim3(1), dim3(32), 0, y.data()).ok());
  EXPECT_THAT(y, ::testing::Each(512.0));
}

__global__ void Count(unsigned* counters) {
  atomicAdd(&counters[0], 2u);
  atomicMax(&counters[1], threadIdx.x);
  atomicMin(&counters[2], threadIdx.x);
  atomicOr(&counters[3], 1u << (threadIdx.x % 32));
  if (atomicCAS(&counters[4], 0u, 1u) == 0u) atomicAdd(&counters[5], 1u);
}

TEST_P(EmulatorTest, Atomics) {
  std::vector<unsigned> counters = {0, 0, 99, 0, 0, 0};
  ASSERT_TRUE(RunKernel(Count, dim3(3), dim3(48), 0, counters.data()).ok());
  EXPECT_THAT(counters, ElementsAre(288u, 47u, 0u, ~0u, 1u, 1u));
}

__global__ void ReverseInShared(const float* x, float* y) {
  MOULIN_DYNAMIC_SHARED(float, line);
  line[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = line[blockDim.x - 1 - threadIdx.x];
}

TEST_P(EmulatorTest, DynamicSharedMemory) {
  const std::vector<float> x = {1, 2, 3, 4, 5};
  std::vector<float> y(5);
  ASSERT_TRUE(RunKernel(ReverseInShared, dim3(1), dim3(5), 5 * sizeof(float), x.data(), y.data()).ok());
  EXPECT_THAT(y, ElementsAre(5, 4, 3, 2, 1));
}

// Reads shared memory that no thread of its block has written: what it gets is no other block's.
__global__ void ReadUnwritten(unsigned char* y) {
  MOULIN_DYNAMIC_SHARED(unsigned char, bytes);
  y[blockIdx.x] = bytes[0];
  bytes[0] = 1;
}

TEST_P(EmulatorTest, SharedMemoryIsPoisonedForEachBlock) {
  std::vector<unsigned char> y(3);
  ASSERT_TRUE(RunKernel(ReadUnwritten, dim3(3), dim3(1), 1, y.data()).ok());
  EXPECT_THAT(y, ::testing::Each(GetParam().poison));
}

#if !defined(MOULIN_EMULATE_WITH_THREADS)
// As above, for an array that is declared so; the first block of the program must not see zeros either.
template <typename T>
__global__ void ReadUnwrittenArray(T* y) {
  __shared__ T line[7];
  if (threadIdx.x == 0) y[blockIdx.x] = line[5];
  __syncthreads();
  line[threadIdx.x] = 1;
}

TEST_P(EmulatorTest, SharedArraysArePoisonedForEachBlock) {
  std::vector<unsigned char> y(3);
  ASSERT_TRUE(RunKernel(ReadUnwrittenArray<unsigned char>, dim3(3), dim3(7), 0, y.data()).ok());
  EXPECT_THAT(y, ::testing::Each(GetParam().poison));
  std::vector<uint32_t> z(2);
  ASSERT_TRUE(RunKernel(ReadUnwrittenArray<uint32_t>, dim3(2), dim3(7), 0, z.data()).ok());
  EXPECT_THAT(z, ::testing::Each(GetParam().poison * 0x01010101u));
}
#endif

// Planted bugs. Each must end the launch with an error that says what and where.

__global__ void BarrierForSome() {
  if (threadIdx.x < 64) __syncthreads();
}
__global__ void BarriersAtTwoLines() {
  if (threadIdx.x < 64) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_P(EmulatorTest, DivergentBarriersAreErrors) {
  for (auto* kernel : {BarrierForSome, BarriersAtTwoLines}) {
    const Status status = RunKernel(kernel, dim3(2), dim3(128), 0);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("divergent barrier"));
    EXPECT_THAT(status.message(), HasSubstr("emulator_test.cc:"));
  }
}

__global__ void ShuffleForSome(int* y) {
  if (threadIdx.x != 5) y[threadIdx.x] = __shfl_xor_sync(~0u, threadIdx.x, 1);
  __syncthreads();
}

TEST_P(EmulatorTest, AShuffleThatALaneMissesIsAnError) {
  std::vector<int> y(32);
  const Status status = RunKernel(ShuffleForSome, dim3(1), dim3(32), 0, y.data());
  EXPECT_THAT(status.message(), HasSubstr("deadlock"));
}

__global__ void ShuffleFromALaneThatEnded(int* y) {
  if (threadIdx.x >= 16) return;
  y[threadIdx.x] = __shfl_down_sync(~0u, threadIdx.x, 4);
}
__global__ void ShuffleWithoutItself(int* y) { y[threadIdx.x] = __shfl_sync(0xFFFFu, threadIdx.x, 0); }
__global__ void ShuffleMeetsVote(int* y) {
  if (threadIdx.x % 2 == 0) {
    y[threadIdx.x] = __shfl_sync(~0u, threadIdx.x, 0);
  } else {
    y[threadIdx.x] = static_cast<int>(__ballot_sync(~0u, 1));
  }
}

TEST_P(EmulatorTest, WrongShufflesAreErrors) {
  std::vector<int> y(32);
  EXPECT_THAT(RunKernel(ShuffleFromALaneThatEnded, dim3(1), dim3(32), 0, y.data()).message(),
              HasSubstr("takes no part"));
  EXPECT_THAT(RunKernel(ShuffleWithoutItself, dim3(1), dim3(32), 0, y.data()).message(),
              HasSubstr("mask that does not name it"));
  EXPECT_THAT(RunKernel(ShuffleMeetsVote, dim3(1), dim3(32), 0, y.data()).message(), HasSubstr("different functions"));
}

// The warp of the last 8 threads has no other lanes: a sum over 32 must not read them.
__global__ void SumOverAPartOfAWarp(int* y) {
  int x = 1;
  for (int delta = 16; delta > 0; delta /= 2) x += __shfl_xor_sync(~0u, x, delta);
  y[threadIdx.x] = x;
}

TEST_P(EmulatorTest, LanesThatAreNotThereCannotBeRead) {
  std::vector<int> y(40);
  EXPECT_THAT(RunKernel(SumOverAPartOfAWarp, dim3(1), dim3(40), 0, y.data()).message(), HasSubstr("takes no part"));
}

__global__ void WriteBeyondShared(int n) {
  MOULIN_DYNAMIC_SHARED(float, line);
  if (threadIdx.x == 0) line[n] = 1;
}

#if defined(__SANITIZE_ADDRESS__)
TEST(EmulatorBugDeathTest, WritesBeyondDynamicSharedMemory) {
  EXPECT_DEATH((void)RunKernel(WriteBeyondShared, dim3(1), dim3(8), 8 * sizeof(float), 8), "AddressSanitizer");
}
#else
TEST_P(EmulatorTest, WritesBeyondDynamicSharedMemoryAreErrors) {
  EXPECT_TRUE(RunKernel(WriteBeyondShared, dim3(2), dim3(8), 8 * sizeof(float), 7).ok());
  for (int at : {8, -1, 40}) {
    EXPECT_THAT(RunKernel(WriteBeyondShared, dim3(2), dim3(8), 8 * sizeof(float), at).message(),
                HasSubstr("beyond its dynamic shared memory"));
  }
}
#endif

__global__ void Barrier() { __syncthreads(); }

TEST_P(EmulatorTest, IndependentKernelsHaveNoBarriers) {
  EXPECT_THAT(RunIndependentKernel(Barrier, dim3(1), dim3(32)).message(), HasSubstr("registered as independent"));
}

TEST(EmulatorLaunchTest, RefusesWhatAGpuRefuses) {
  const auto run = [&](dim3 grid, dim3 block, size_t shared) { return RunKernel(Barrier, grid, block, shared); };
  EXPECT_TRUE(run(dim3(1), dim3(1024), 0).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(run(dim3(1), dim3(1025), 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(run(dim3(0), dim3(32), 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(run(dim3(1, 65536), dim3(32), 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(run(dim3(1), dim3(1, 1, 65), 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(run(dim3(1), dim3(32), 64 << 10)));
  ASSERT_TRUE(SetMaxDynamicShared(reinterpret_cast<const void*>(Barrier), 64 << 10).ok());
  EXPECT_TRUE(run(dim3(1), dim3(32), 64 << 10).ok());
  void* none[] = {nullptr};
  EXPECT_TRUE(absl::IsInvalidArgument(emulator::Run(none, dim3(1), dim3(1), 0, none)));
}

}  // namespace
}  // namespace moulin::emulator
