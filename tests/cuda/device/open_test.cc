// What is said of machines whose GPU cannot be used.
#include "device/fake_device.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;

class OpenTest : public FakeDeviceTest {
 protected:
  static std::string Reason(const CudaApi& api) {
    const CudaOpenRequest request = {{}, NewReferenceDevice()};
    return Message(OpenCudaDevice(api, request).status());
  }
};

TEST_F(OpenTest, NoDriver) {
  Restart({.has_driver = false});
  EXPECT_THAT(Reason(fake_cuda::Api()), HasSubstr("no NVIDIA driver is loaded"));
}

TEST_F(OpenTest, NoDevice) {
  Restart({.num_devices = 0});
  EXPECT_THAT(Reason(fake_cuda::Api()), HasSubstr("finds no GPU"));
}

TEST_F(OpenTest, TheToolkitsStandIn) {
  CudaApi api = fake_cuda::Api();
  api.GetDeviceCount = [](int*) { return cudaErrorStubLibrary; };
  EXPECT_THAT(Reason(api), HasSubstr("stand-in for linking"));
}

TEST_F(OpenTest, AnOldDriver) {
  CudaApi api = fake_cuda::Api();
  api.GetDeviceCount = [](int*) { return cudaErrorInsufficientDriver; };
  EXPECT_THAT(Reason(api), HasSubstr("older than the CUDA"));
}

TEST_F(OpenTest, AnOldDevice) {
  CudaApi api = fake_cuda::Api();
  api.GetDeviceProperties = [](cudaDeviceProp* properties, int device) {
    const cudaError_t error = fake_cuda::Api().GetDeviceProperties(properties, device);
    properties->major = 7;
    properties->minor = 5;
    return error;
  };
  EXPECT_THAT(Reason(api), HasSubstr("compute capability 7.5, at least 8.0 is needed"));
}

TEST_F(OpenTest, PlanningNeedsNoGpu) {
  Restart({.has_driver = false});
  CudaOpenRequest request = {{}, NewReferenceDevice()};
  request.options.plan_only = true;
  const auto device = OpenCudaDevice(fake_cuda::Api(), request);
  ASSERT_TRUE(device.ok()) << device.status();
  const auto engine = EngineOn(*device);
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_THAT(Message(model->Run({{"x", Rows(1, 3)}}).status()), HasSubstr("planning alone"));
}

}  // namespace
}  // namespace moulin::cuda
