// Tested by tests/cuda/device/memory_test.cc.
#include "cuda/memory.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace moulin::cuda {

StatusOr<MemoryBlock> MemoryPool::AllocateOnDevice(int64_t bytes, absl::string_view what) {
  if (bytes == 0) return MemoryBlock();
  void* memory = nullptr;
  const cudaError_t error = api_.Malloc(&memory, static_cast<size_t>(bytes));
  if (error == cudaErrorMemoryAllocation) {
    api_.GetLastError();  // not an error of the next call
    size_t free = 0, total = 0;
    api_.MemGetInfo(&free, &total);
    return MakeError(ErrorCode::kMemory, "cannot allocate ", bytes, " bytes on the GPU for ", what, ": ", free, " of ",
                     total, " are free");
  }
  if (error != cudaSuccess) return ToStatus(api_, error, absl::StrCat("allocating ", bytes, " bytes for ", what));
  device_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return MemoryBlock(memory, [self = shared_from_this(), bytes](void* block) {
    self->api_.Free(block);
    self->device_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  });
}

StatusOr<MemoryBlock> MemoryPool::AllocatePinned(int64_t bytes, absl::string_view what) {
  if (bytes == 0) return MemoryBlock();
  void* memory = nullptr;
  const cudaError_t error = api_.HostAlloc(&memory, static_cast<size_t>(bytes), cudaHostAllocDefault);
  if (error == cudaErrorMemoryAllocation) {
    api_.GetLastError();
    return MakeError(ErrorCode::kMemory, "cannot pin ", bytes, " bytes of the host's memory for ", what);
  }
  if (error != cudaSuccess) return ToStatus(api_, error, absl::StrCat("pinning ", bytes, " bytes for ", what));
  pinned_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return MemoryBlock(memory, [self = shared_from_this(), bytes](void* block) {
    self->api_.FreeHost(block);
    self->pinned_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  });
}

}  // namespace moulin::cuda
