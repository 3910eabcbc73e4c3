// Constants on the device: uploaded once, shared by everything whose bytes are the same.
#ifndef MOULIN_CUDA_CONSTANTS_H_
#define MOULIN_CUDA_CONSTANTS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin::cuda {

class ConstantStore;

// A tensor's bytes that are on the device, or will be when their address is first asked for. Lives on the device as
// long as anybody holds it. Thread-safe.
class DeviceConstant {
 public:
  DeviceConstant(std::shared_ptr<ConstantStore> store, Tensor value);
  ~DeviceConstant();
  DeviceConstant(const DeviceConstant&) = delete;
  DeviceConstant& operator=(const DeviceConstant&) = delete;

  int64_t bytes() const { return static_cast<int64_t>(value_.byte_size()); }
  // Uploads at the first call, which waits for the copy. RESOURCE_EXHAUSTED where memory is short.
  StatusOr<const void*> Address() const;

 private:
  friend class ConstantStore;
  const std::shared_ptr<ConstantStore> store_;
  const Tensor value_;
  mutable std::mutex mutex_;
  mutable void* address_ = nullptr;  // guarded by mutex_
};

// Thread-safe.
class ConstantStore : public std::enable_shared_from_this<ConstantStore> {
 public:
  explicit ConstantStore(const CudaApi& api) : api_(api) {}

  // The constant with these bytes: one that is there already, or a new one.
  std::shared_ptr<const DeviceConstant> Get(const Tensor& value);
  // Bytes on the device.
  int64_t bytes() const;

 private:
  friend class DeviceConstant;
  void Forget(const DeviceConstant* constant);
  void AddBytes(int64_t bytes);

  const CudaApi& api_;
  mutable std::mutex mutex_;
  // By hash of the bytes; entries that are gone are erased by Forget. Guarded by mutex_.
  absl::flat_hash_map<uint64_t, std::vector<std::pair<const DeviceConstant*, std::weak_ptr<const DeviceConstant>>>>
      constants_;
  int64_t bytes_ = 0;  // guarded by mutex_
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CONSTANTS_H_
