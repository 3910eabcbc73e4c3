// Finds a GPU and what is needed to use it. Tested by tests/cuda/device/open_test.cc.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/codegen/nvrtc.h"
#include "cuda/device.h"
#include "cuda/libraries/cublaslt.h"
#include "cuda/libraries/cudnn_library.h"
#include "cuda/libraries/planning_library.h"
#include "cuda/tuning/tuner.h"

namespace moulin::cuda {
namespace {

constexpr int kMinComputeCapability = 80;  // for which kernels are compiled (CMake's MOULIN_CUDA_ARCHITECTURES)

template <typename... Parts>
Status NoDevice(const Parts&... parts) {
  return MakeError(ErrorCode::kDevice, parts...);
}

std::string VersionText(int version) { return absl::StrCat(version / 1000, ".", version % 1000 / 10); }

// What the runtime says of the machine, in words that tell what to do about it.
Status CheckMachine(const CudaApi& api) {
  int driver = 0, runtime = 0;
  if (api.DriverGetVersion(&driver) != cudaSuccess || driver == 0) return NoDevice("no NVIDIA driver is loaded");
  api.RuntimeGetVersion(&runtime);
  int count = 0;
  const cudaError_t error = api.GetDeviceCount(&count);
  switch (error) {
    case cudaSuccess:
      if (count == 0) return NoDevice("the driver (CUDA ", VersionText(driver), ") finds no GPU");
      return absl::OkStatus();
    case cudaErrorNoDevice:
      return NoDevice("the driver (CUDA ", VersionText(driver), ") finds no GPU");
    case cudaErrorInsufficientDriver:
      return NoDevice("the driver is for CUDA ", VersionText(driver), ", older than the CUDA ", VersionText(runtime),
                      " that Moulin was built with");
    case cudaErrorStubLibrary:
      return NoDevice("libcuda.so is the toolkit's stand-in for linking, not a driver");
    default:
      return NoDevice("the driver does not start: ", api.GetErrorName(error), " (", api.GetErrorString(error), ")");
  }
}

StatusOr<cudaDeviceProp> ReadProperties(const CudaApi& api) {
  cudaDeviceProp properties = {};
  MOULIN_RETURN_IF_ERROR(ToStatus(api, api.SetDevice(0), "choosing the GPU"));
  MOULIN_RETURN_IF_ERROR(ToStatus(api, api.GetDeviceProperties(&properties, 0), "reading the GPU's properties"));
  if (properties.major * 10 + properties.minor >= kMinComputeCapability) return properties;
  return NoDevice(properties.name, " has compute capability ", properties.major, ".", properties.minor, ", at least ",
                  kMinComputeCapability / 10, ".", kMinComputeCapability % 10, " is needed");
}

// Where compiled kernels and timed choices are kept between processes: $MOULIN_CACHE_DIR, else the user's cache folder;
// "" (nowhere) where neither is known.
std::string CacheDirectory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string chosen = variable("MOULIN_CACHE_DIR"); !chosen.empty()) return chosen;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/moulin";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/moulin";
  return "";
}

std::string DriverText(const CudaApi& api) {
  int driver = 0;
  api.DriverGetVersion(&driver);
  return absl::StrCat("driver ", VersionText(driver));
}

// cuDNN must be there. Without NVRTC maps are interpreted. `device`: what compiled plans depend on besides cuDNN.
Status AddLibraries(const std::string& device, CudaContext* context) {
  // First: it alone has products in strict float32. It may be absent.
  StatusOr<std::shared_ptr<PrimitiveLibrary>> cublas = MakeCublasLtLibrary(CublasLtOptions());
  if (cublas.ok()) context->libraries.push_back(*std::move(cublas));
  CudnnOptions cudnn_options;
  cudnn_options.cache_directory = CacheDirectory();
  cudnn_options.device = device;
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<PrimitiveLibrary> cudnn, MakeCudnnLibrary(cudnn_options));
  context->libraries.push_back(std::move(cudnn));
  NvrtcOptions options;
  options.compute_capability = context->compute_capability;
  options.cache_directory = CacheDirectory();
  StatusOr<std::shared_ptr<Nvrtc>> nvrtc = Nvrtc::Open(*context->api, options);
  if (nvrtc.ok()) context->compiler = *std::move(nvrtc);
  return absl::OkStatus();
}

std::string Describe(const cudaDeviceProp& properties, const CudaContext& context) {
  std::vector<std::string> versions;
  for (const auto& library : context.libraries) versions.push_back(library->version());
  return absl::StrCat(properties.name, ", ", properties.multiProcessorCount, " multiprocessors, ",
                      properties.totalGlobalMem >> 20, " MiB, ", absl::StrJoin(versions, ", "));
}

// Remembers its choices in the cache directory, as far as that can be made.
std::shared_ptr<Tuner> MakeTuner(const CudaApi& api, const std::string& device) {
  TunerOptions options;
  options.device = absl::StrCat(device, ", ", DriverText(api));
  const std::string directory = CacheDirectory();
  std::error_code error;
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (!directory.empty() && !error) options.cache_file = directory + "/tuning";
  return std::make_shared<Tuner>(api, std::move(options));
}

// Stands for NVRTC, so that plans show what would be generated on a GPU.
class PlanningCompiler : public KernelCompiler {
 public:
  StatusOr<const void*> Load(const KernelText&) override {
    return MakeError(ErrorCode::kDevice, "the device was opened for planning alone, without a GPU");
  }
};

std::shared_ptr<Device> PlanningDevice(const CudaApi& api, const CudaOpenRequest& request) {
  const std::shared_ptr<CudaContext> context = NewCudaContext(api);
  context->plan_only = true;
  context->libraries = {MakePlanningLibrary()};
  context->compiler = std::make_shared<PlanningCompiler>();
  return std::make_shared<CudaDevice>(CudaDeviceInfo("planned for compute capability 9.0, no GPU"), context,
                                      request.host_kernels);
}

}  // namespace

StatusOr<std::shared_ptr<Device>> OpenCudaDevice(const CudaApi& api, const CudaOpenRequest& request) {
  if (request.options.plan_only) return PlanningDevice(api, request);
  MOULIN_RETURN_IF_ERROR(CheckMachine(api));
  MOULIN_ASSIGN_OR_RETURN(const cudaDeviceProp properties, ReadProperties(api));
  const std::shared_ptr<CudaContext> context = NewCudaContext(api);
  context->measure_time = request.options.measure_time;
  context->multiprocessors = properties.multiProcessorCount;
  context->compute_capability = properties.major * 10 + properties.minor;
  MOULIN_RETURN_IF_ERROR(
      AddLibraries(absl::StrCat(properties.name, ", compute capability ", context->compute_capability, ", ",
                                properties.multiProcessorCount, " multiprocessors, ", DriverText(api)),
                   context.get()));
  const std::string description = Describe(properties, *context);
  context->tuner = MakeTuner(api, description);
  return std::shared_ptr<Device>(
      std::make_shared<CudaDevice>(CudaDeviceInfo(description), context, request.host_kernels));
}

}  // namespace moulin::cuda
