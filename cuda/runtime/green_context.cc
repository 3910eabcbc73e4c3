// Tested by tests/cuda/runtime/green_context_test.cc and tests/cuda/device/partition_test.cc.
#include "cuda/runtime/green_context.h"

#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

constexpr CUdevice kDevice = 0;          // the one that Moulin uses
constexpr unsigned kApiVersion = 13000;  // whose signatures are called

template <typename Function>
Status FindFunction(const CudaApi& api, const char* name, Function* function) {
  void* address = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  if (api.GetDriverEntryPointByVersion != nullptr &&
      api.GetDriverEntryPointByVersion(name, &address, kApiVersion, cudaEnableDefault, &found) == cudaSuccess &&
      found == cudaDriverEntryPointSuccess && address != nullptr) {
    *function = reinterpret_cast<Function>(address);
    return absl::OkStatus();
  }
  api.GetLastError();  // has been reported here
  return MakeError(ErrorCode::kDevice, "the driver cannot split the GPU: it has no ", name,
                   " (CUDA 12.5 or newer has)");
}

}  // namespace

StatusOr<GreenContextApi> GreenContextApi::Find(const CudaApi& api) {
  GreenContextApi found;
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuGetErrorName", &found.GetErrorName));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuDeviceGetDevResource", &found.DeviceGetDevResource));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuDevSmResourceSplitByCount", &found.DevSmResourceSplitByCount));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuDevResourceGenerateDesc", &found.DevResourceGenerateDesc));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuGreenCtxCreate", &found.GreenCtxCreate));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuGreenCtxDestroy", &found.GreenCtxDestroy));
  MOULIN_RETURN_IF_ERROR(FindFunction(api, "cuGreenCtxStreamCreate", &found.GreenCtxStreamCreate));
  return found;
}

Status GreenContextApi::ToStatus(CUresult result, const char* call) const {
  if (result == CUDA_SUCCESS) return absl::OkStatus();
  const char* name = nullptr;
  if (GetErrorName(result, &name) != CUDA_SUCCESS || name == nullptr) name = "an unknown error";
  return MakeError(ErrorCode::kDevice, "splitting the GPU: ", call, " failed: ", name);
}

// The smallest sets: the driver says how small they may be, and what is left over when all have been made is not used.
Status MultiprocessorPool::Split() {
  MOULIN_ASSIGN_OR_RETURN(const GreenContextApi driver, GreenContextApi::Find(cuda_));
  CUdevResource all = {};
  MOULIN_RETURN_IF_ERROR(
      driver.ToStatus(driver.DeviceGetDevResource(kDevice, &all, CU_DEV_RESOURCE_TYPE_SM), "cuDeviceGetDevResource"));
  const unsigned smallest = all.sm.minSmPartitionSize;
  unsigned count = 0;
  MOULIN_RETURN_IF_ERROR(driver.ToStatus(driver.DevSmResourceSplitByCount(nullptr, &count, &all, nullptr, 0, smallest),
                                         "cuDevSmResourceSplitByCount"));
  std::vector<CUdevResource> sets(count);
  if (count > 0) {
    MOULIN_RETURN_IF_ERROR(
        driver.ToStatus(driver.DevSmResourceSplitByCount(sets.data(), &count, &all, nullptr, 0, smallest),
                        "cuDevSmResourceSplitByCount"));
    sets.resize(count);
  }
  if (sets.empty()) {
    return MakeError(ErrorCode::kDevice, "the GPU cannot be split: of its ", all.sm.smCount, " multiprocessors ",
                     smallest, " are the least that make a part");
  }
  set_size_ = static_cast<int>(sets[0].sm.smCount);
  num_sets_ = static_cast<int>(sets.size());
  free_ = std::move(sets);
  driver_ = driver;
  return absl::OkStatus();
}

StatusOr<std::vector<CUdevResource>> MultiprocessorPool::Take(int wanted) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!driver_.has_value()) MOULIN_RETURN_IF_ERROR(Split());
  if (wanted < 1 || wanted > set_size_ * num_sets_) {
    return MakeError(ErrorCode::kOption, "multiprocessors: expected 1 to ", set_size_ * num_sets_,
                     ", which is what the GPU has in sets of ", set_size_, "; found ", wanted);
  }
  const size_t sets = static_cast<size_t>((wanted + set_size_ - 1) / set_size_);
  if (sets > free_.size()) {
    return MakeError(ErrorCode::kDevice, wanted, " multiprocessors are wanted, and ", free_.size() * set_size_, " of ",
                     set_size_ * num_sets_, " are not set aside for others");
  }
  std::vector<CUdevResource> taken(free_.end() - static_cast<std::ptrdiff_t>(sets), free_.end());
  free_.resize(free_.size() - sets);
  return taken;
}

void MultiprocessorPool::GiveBack(const std::vector<CUdevResource>& sets) {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.insert(free_.end(), sets.begin(), sets.end());
}

GreenContext::GreenContext(std::shared_ptr<MultiprocessorPool> pool, std::vector<CUdevResource> sets)
    : pool_(std::move(pool)), sets_(std::move(sets)) {
  for (const CUdevResource& set : sets_) multiprocessors_ += static_cast<int>(set.sm.smCount);
}

StatusOr<std::shared_ptr<GreenContext>> GreenContext::Create(std::shared_ptr<MultiprocessorPool> pool,
                                                             int multiprocessors) {
  MOULIN_ASSIGN_OR_RETURN(std::vector<CUdevResource> sets, pool->Take(multiprocessors));
  std::shared_ptr<GreenContext> made(new GreenContext(std::move(pool), std::move(sets)));
  MOULIN_RETURN_IF_ERROR(made->Make());
  return made;
}

Status GreenContext::Make() {
  const GreenContextApi& driver = pool_->driver();
  std::vector<CUdevResource> sets = sets_;  // the driver takes them as not constant
  CUdevResourceDesc description = nullptr;
  MOULIN_RETURN_IF_ERROR(
      driver.ToStatus(driver.DevResourceGenerateDesc(&description, sets.data(), static_cast<unsigned>(sets.size())),
                      "cuDevResourceGenerateDesc"));
  return driver.ToStatus(driver.GreenCtxCreate(&context_, description, kDevice, CU_GREEN_CTX_DEFAULT_STREAM),
                         "cuGreenCtxCreate");
}

GreenContext::~GreenContext() {
  if (context_ != nullptr) pool_->driver().GreenCtxDestroy(context_);
  pool_->GiveBack(sets_);
}

StatusOr<cudaStream_t> GreenContext::NewStream(int level) const {
  CUstream stream = nullptr;
  MOULIN_RETURN_IF_ERROR(
      pool_->driver().ToStatus(pool_->driver().GreenCtxStreamCreate(&stream, context_, CU_STREAM_NON_BLOCKING, level),
                               "cuGreenCtxStreamCreate"));
  return stream;
}

}  // namespace moulin::cuda
