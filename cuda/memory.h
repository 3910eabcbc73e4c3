// Memory of the device, and pinned memory of the host that the device copies from and to.
#ifndef MOULIN_CUDA_MEMORY_H_
#define MOULIN_CUDA_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Of blocks within memory that is taken as one, in bytes: what cudaMalloc itself keeps to.
inline constexpr int64_t kMemoryAlignment = 256;

// A block of memory; freed with its last handle. Null where 0 bytes were asked for.
using MemoryBlock = std::shared_ptr<void>;

// Takes memory from the runtime and counts it. Thread-safe.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  explicit MemoryPool(const CudaApi& api) : api_(api) {}

  // `what` it is for goes into the error: RESOURCE_EXHAUSTED (E_MEMORY) with the bytes asked for and those free.
  StatusOr<MemoryBlock> AllocateOnDevice(int64_t bytes, absl::string_view what);
  StatusOr<MemoryBlock> AllocatePinned(int64_t bytes, absl::string_view what);

  int64_t device_bytes() const { return device_bytes_.load(std::memory_order_relaxed); }
  int64_t pinned_bytes() const { return pinned_bytes_.load(std::memory_order_relaxed); }

  const CudaApi& api() const { return api_; }

 private:
  const CudaApi& api_;
  std::atomic<int64_t> device_bytes_{0};
  std::atomic<int64_t> pinned_bytes_{0};
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_MEMORY_H_
