#include "cuda/runtime/launch.h"

#include "cuda/kernels/device_code.h"
#include "runtime/fake_testing.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;

__global__ void Store(float* y, float a, int64_t b) { y[0] = a + static_cast<float>(b); }
DeviceFunction<float*, float, int64_t> StoreFunction() { return IndependentKernel("Store", Store); }

class LaunchTest : public fake_cuda::FakeCudaTest {
 protected:
  LaunchContext Context() {
    LaunchContext context;
    context.api = &fake_cuda::Api();
    context.stream = NewStream();
    return context;
  }
};

TEST(DimsForTest, CoversAllElementsWithinBounds) {
  EXPECT_EQ(DimsFor(0).grid.x, 1);
  EXPECT_EQ(DimsFor(256).grid.x, 1);
  EXPECT_EQ(DimsFor(257).grid.x, 2);
  EXPECT_EQ(DimsFor(257).block.x, 256);
  EXPECT_EQ(DimsFor(100, 32).grid.x, 4);
  EXPECT_EQ(DimsFor(int64_t{1} << 50).grid.x, 1u << 20);
  EXPECT_EQ(DimsFor(1000, 10, 7).grid.x, 7);
}

TEST_F(LaunchTest, ConvertsAndPassesArguments) {
  const LaunchContext context = Context();
  auto* y = NewDevice<float>(4);
  ASSERT_TRUE(Launch(context, StoreFunction(), DimsFor(1), y, 1, 2).ok());  // an int is to be a float, and an int64_t
  Sync(context.stream);
  EXPECT_EQ(*y, 3);
}

TEST_F(LaunchTest, AFailureNamesTheKernelAndItsDims) {
  fake_cuda::Options options;
  options.fail_launch = 1;
  fake_cuda::Reset(options);
  const LaunchContext context = Context();
  const Status failed = Launch(context, StoreFunction(), DimsFor(600), NewDevice<float>(4), 1, 2);
  EXPECT_THAT(std::string(failed.message()),
              HasSubstr("launching Store on 3x1x1 blocks of 256x1x1 threads failed: cudaErrorLaunchOutOfResources"));
}

TEST(CudaErrorTest, ShortMemoryIsTold) {
  const CudaApi& api = fake_cuda::Api();
  EXPECT_TRUE(ToStatus(api, cudaSuccess, "anything").ok());
  const Status memory = ToStatus(api, cudaErrorMemoryAllocation, "allocating 12 bytes");
  EXPECT_EQ(memory.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(memory.message()), HasSubstr("E_MEMORY: allocating 12 bytes failed"));
  EXPECT_THAT(std::string(ToStatus(api, cudaErrorInvalidValue, "x").message()), HasSubstr("E_DEVICE"));
}

TEST(CudaErrorTest, WhatLosesTheDevice) {
  for (cudaError_t error : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorECCUncorrectable}) {
    EXPECT_TRUE(IsSticky(error));
  }
  for (cudaError_t error : {cudaSuccess, cudaErrorMemoryAllocation, cudaErrorInvalidValue, cudaErrorNotReady,
                            cudaErrorLaunchOutOfResources, cudaErrorStreamCaptureInvalidated}) {
    EXPECT_FALSE(IsSticky(error));
  }
}

}  // namespace
}  // namespace moulin::cuda
