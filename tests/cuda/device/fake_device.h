// The CUDA device on the stand-in for the CUDA runtime, and engines on it.
#ifndef MOULIN_TESTS_CUDA_DEVICE_FAKE_DEVICE_H_
#define MOULIN_TESTS_CUDA_DEVICE_FAKE_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "device/host/host_device.h"
#include "gmock/gmock.h"
#include "runtime/fake_cuda.h"
#include "tests/engine/engine_testing.h"

namespace moulin::cuda {

// Maps and products are run by the device's own kernels; what it lacks by the reference.
inline std::shared_ptr<Device> NewFakeDevice(bool measure_time = false) {
  const std::shared_ptr<CudaContext> context = NewCudaContext(fake_cuda::Api());
  context->measure_time = measure_time;
  return std::make_shared<CudaDevice>(CudaDeviceInfo("stand-in"), context, NewReferenceDevice());
}

// The same, but choices and loops are driven from the host.
inline std::shared_ptr<Device> NewHostDrivenDevice() {
  DeviceInfo info = CudaDeviceInfo("stand-in");
  info.control_steps = false;
  return std::make_shared<CudaDevice>(info, NewCudaContext(fake_cuda::Api()), NewReferenceDevice());
}

// Each test begins with a fresh runtime and must leave nothing behind, nor do anything that the runtime forbids.
class FakeDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override { fake_cuda::Reset(); }
  void TearDown() override {
    if (!fake_cuda::IsLost()) {
      EXPECT_THAT(fake_cuda::Finish(), ::testing::IsEmpty());
    }
    fake_cuda::Reset();
  }
  // Starts the runtime afresh, with failures to inject.
  static void Restart(const fake_cuda::Options& options) { fake_cuda::Reset(options); }
};

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_DEVICE_FAKE_DEVICE_H_
