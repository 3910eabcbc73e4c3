#include <cstdlib>

#include "device/device.h"
#include "gmock/gmock.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

TEST(OpenDeviceTest, OpensTheHostsDevices) {
  EXPECT_EQ(OpenDevice("reference", {}).value()->info().name, "reference");
  EXPECT_EQ(OpenDevice("cpu", {.threads = 1}).value()->info().name, "cpu");
  EXPECT_TRUE(OpenDevice("auto", {.threads = 1}).ok());
}

TEST(OpenDeviceTest, UnknownNameIsAnError) {
  const auto device = OpenDevice("tpu", {});
  EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(device.status().message()), HasSubstr("unknown device \"tpu\""));
}

TEST(OpenDeviceTest, SaysWhyThereIsNoGpu) {
  setenv("MOULIN_CUDA_PLUGIN", "/nowhere/libmoulin_cuda.so", 1);
  const auto device = OpenDevice("cuda", {});
  unsetenv("MOULIN_CUDA_PLUGIN");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(device.status().message()),
              HasSubstr("libmoulin_cuda.so not found: /nowhere/libmoulin_cuda.so does not exist"));
}

TEST(OpenDeviceTest, RefusesALibraryThatIsNoPlugin) {
  setenv("MOULIN_CUDA_PLUGIN", "libm.so.6", 1);
  const auto device = OpenDevice("cuda", {});
  unsetenv("MOULIN_CUDA_PLUGIN");
  EXPECT_THAT(std::string(device.status().message()), HasSubstr("is not a plugin of Moulin"));
}

}  // namespace
}  // namespace moulin
