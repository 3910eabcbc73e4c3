// The stand-in for the runtime: it does what it is asked at once, and tells what a GPU would not like.
#include "emulator/sync_cuda_api.h"

#include <cstring>
#include <vector>

#include "cuda/runtime/launch.h"
#include "emulator/emulator.h"
#include "emulator/run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::emulator {
namespace {

using ::testing::HasSubstr;

__global__ void Store(int* y, int at, int value) {
  if (threadIdx.x == 0) y[at] = value;
}

cuda::DeviceFunction<int*, int, int> StoreFunction() {
  Register("Store", Store, /*is_cooperative=*/false);
  return {"Store", reinterpret_cast<const void*>(Store)};
}

class SyncCudaApiTest : public ::testing::Test {
 protected:
  SyncCudaApiTest() {
    launch_.api = &api_;
    EXPECT_EQ(api_.Malloc(reinterpret_cast<void**>(&y_), 4 * sizeof(int)), cudaSuccess);
  }
  ~SyncCudaApiTest() override { EXPECT_EQ(api_.Free(y_), cudaSuccess); }
  Status StoreAt(int at, int value) {
    return cuda::Launch(launch_, StoreFunction(), cuda::LaunchDims{dim3(1), dim3(32), 0}, y_, at, value);
  }

  const cuda::CudaApi& api_ = SyncCudaApi();
  cuda::LaunchContext launch_;
  int* y_ = nullptr;
};

TEST_F(SyncCudaApiTest, MemoryIsPoisonedAndLaunchesAreSynchronous) {
  EXPECT_EQ(y_[2], -1);
  ASSERT_TRUE(StoreAt(2, 42).ok());
  EXPECT_EQ(y_[2], 42);
  int back[4] = {};
  ASSERT_EQ(api_.MemcpyAsync(back, y_, sizeof(back), cudaMemcpyDeviceToHost, nullptr), cudaSuccess);
  EXPECT_THAT(back, ::testing::ElementsAre(-1, -1, 42, -1));
  ASSERT_EQ(api_.MemsetAsync(y_, 0, 8, nullptr), cudaSuccess);
  EXPECT_EQ(y_[1], 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(y_) % 64, 0u);
}

TEST_F(SyncCudaApiTest, CopiesMustStayWithinABlock) {
  int host[8] = {};
  EXPECT_EQ(api_.MemcpyAsync(y_, host, 17, cudaMemcpyHostToDevice, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(api_.MemcpyAsync(host, y_ + 3, 8, cudaMemcpyDeviceToHost, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(api_.MemcpyAsync(host, host + 4, 8, cudaMemcpyDeviceToHost, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(api_.MemsetAsync(y_ + 4, 0, 1, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(api_.MemcpyAsync(y_ + 3, host, 4, cudaMemcpyHostToDevice, nullptr), cudaSuccess);
}

TEST_F(SyncCudaApiTest, FreesWhatItAllocatedAndNothingElse) {
  const int64_t before = NumDeviceBlocks();
  void* memory = nullptr;
  ASSERT_EQ(api_.Malloc(&memory, 1), cudaSuccess);
  EXPECT_EQ(NumDeviceBlocks(), before + 1);
  EXPECT_EQ(api_.Free(static_cast<char*>(memory) + 1), cudaErrorInvalidValue);
  EXPECT_EQ(api_.Free(memory), cudaSuccess);
  EXPECT_EQ(api_.Free(memory), cudaErrorInvalidValue);
  EXPECT_EQ(NumDeviceBlocks(), before);
}

TEST_F(SyncCudaApiTest, ErrorsOfLaunchesSayWhy) {
  cuda::LaunchDims dims{dim3(1), dim3(2048), 0};
  const Status status = cuda::Launch(launch_, StoreFunction(), dims, y_, 0, 0);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("more than 1024 threads"));
}

// Planted bug: a kernel writes one element beyond its buffer, at either end.
#if defined(__SANITIZE_ADDRESS__)
using SyncCudaApiDeathTest = SyncCudaApiTest;
TEST_F(SyncCudaApiDeathTest, WritesBeyondABufferAreFound) {
  EXPECT_DEATH((void)StoreAt(4, 1), "AddressSanitizer");
  EXPECT_DEATH((void)StoreAt(-1, 1), "AddressSanitizer");
}
#else
TEST_F(SyncCudaApiTest, WritesBeyondABufferAreFound) {
  for (int at : {4, -1, 40, -60}) {
    ASSERT_TRUE(CheckDeviceMemory().ok());
    const int before = y_[at];
    ASSERT_TRUE(StoreAt(at, 1).ok());
    EXPECT_THAT(CheckDeviceMemory().message(), HasSubstr("beyond a block of 16 bytes"));
    y_[at] = before;
  }
  EXPECT_TRUE(CheckDeviceMemory().ok());
}
#endif

}  // namespace
}  // namespace moulin::emulator
