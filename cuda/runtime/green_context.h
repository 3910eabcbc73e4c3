// Parts of a GPU: sets of multiprocessors, on which streams of their own run (the driver's green contexts).
#ifndef MOULIN_CUDA_RUNTIME_GREEN_CONTEXT_H_
#define MOULIN_CUDA_RUNTIME_GREEN_CONTEXT_H_

#include <cuda.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::cuda {

// The driver's functions, which the runtime finds; those of the driver before CUDA 12.5 are not all there.
struct GreenContextApi {
  decltype(&cuGetErrorName) GetErrorName = nullptr;
  decltype(&cuDeviceGetDevResource) DeviceGetDevResource = nullptr;
  decltype(&cuDevSmResourceSplitByCount) DevSmResourceSplitByCount = nullptr;
  decltype(&cuDevResourceGenerateDesc) DevResourceGenerateDesc = nullptr;
  decltype(&cuGreenCtxCreate) GreenCtxCreate = nullptr;
  decltype(&cuGreenCtxDestroy) GreenCtxDestroy = nullptr;
  decltype(&cuGreenCtxStreamCreate) GreenCtxStreamCreate = nullptr;

  // E_DEVICE where one is absent.
  static StatusOr<GreenContextApi> Find(const CudaApi& api);
  Status ToStatus(CUresult result, const char* call) const;
};

// The multiprocessors of the device, split once into the smallest sets that the driver makes; several of them, which
// must come from one split, make a context. The device is asked when the first are taken. Thread-safe.
class MultiprocessorPool {
 public:
  explicit MultiprocessorPool(const CudaApi& api) : cuda_(api) {}
  const CudaApi& cuda() const { return cuda_; }
  // Known once something has been taken.
  const GreenContextApi& driver() const { return *driver_; }

  // Sets of `wanted` multiprocessors or the next number that there is. E_OPTION where the device has not as many;
  // E_DEVICE where too many are taken, or the driver or device cannot be split.
  StatusOr<std::vector<CUdevResource>> Take(int wanted);
  void GiveBack(const std::vector<CUdevResource>& sets);

 private:
  Status Split();

  const CudaApi& cuda_;
  std::mutex mutex_;
  std::optional<GreenContextApi> driver_;
  std::vector<CUdevResource> free_;
  int set_size_ = 0;  // multiprocessors of each
  int num_sets_ = 0;
};

// Its multiprocessors are its own as long as it lives.
class GreenContext {
 public:
  // Errors as of MultiprocessorPool::Take.
  static StatusOr<std::shared_ptr<GreenContext>> Create(std::shared_ptr<MultiprocessorPool> pool, int multiprocessors);
  ~GreenContext();
  GreenContext(const GreenContext&) = delete;
  GreenContext& operator=(const GreenContext&) = delete;

  int multiprocessors() const { return multiprocessors_; }
  // A stream whose work runs here; it must be destroyed before this is. `level` as of cudaStreamCreateWithPriority.
  StatusOr<cudaStream_t> NewStream(int level) const;

 private:
  GreenContext(std::shared_ptr<MultiprocessorPool> pool, std::vector<CUdevResource> sets);
  Status Make();

  const std::shared_ptr<MultiprocessorPool> pool_;
  const std::vector<CUdevResource> sets_;
  int multiprocessors_ = 0;
  CUgreenCtx context_ = nullptr;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_RUNTIME_GREEN_CONTEXT_H_
