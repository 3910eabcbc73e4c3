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
#include "cuda/memory.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin::cuda {

class ConstantStore;

// A tensor's bytes that are on the device, or will be when their address is first asked for. Lives on the device as
// long as anybody holds it. Thread-safe.
class DeviceConstant {
 public:
  // `source`, from which the value was made, is kept alive; see ConstantStore::GetPacked.
  DeviceConstant(std::shared_ptr<ConstantStore> store, Tensor value, Tensor source, uint64_t hash);
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
  const Tensor source_;
  const uint64_t hash_;  // of the value's bytes
  mutable std::mutex mutex_;
  mutable MemoryBlock memory_;  // null before the upload; guarded by mutex_
};

// Thread-safe.
class ConstantStore : public std::enable_shared_from_this<ConstantStore> {
 public:
  explicit ConstantStore(std::shared_ptr<MemoryPool> memory) : memory_(std::move(memory)) {}

  // The constant with these bytes: one that is there already, or a new one. Reads the bytes, but where it has made a
  // constant of this very tensor before (plans for further shapes share their weights).
  std::shared_ptr<const DeviceConstant> Get(const Tensor& value);
  // As Get for what `pack` makes of `source`, which is called but where the result for this very tensor is there. One
  // way of packing a tensor is all that a store takes.
  StatusOr<std::shared_ptr<const DeviceConstant>> GetPacked(const Tensor& source,
                                                            StatusOr<Tensor> (*pack)(const Tensor& source));
  // Bytes on the device.
  int64_t bytes() const;

 private:
  friend class DeviceConstant;
  using Constant = std::shared_ptr<const DeviceConstant>;
  // A constant that may be gone, known by its address.
  struct Entry {
    const DeviceConstant* address = nullptr;
    std::weak_ptr<const DeviceConstant> constant;
  };
  // By the address of a tensor's elements, which the constant keeps alive.
  using BySource = absl::flat_hash_map<const void*, Entry>;

  Constant Find(const BySource& entries, const Tensor& source) const;
  Constant Add(const Tensor& value, const Tensor& source, BySource* entries);
  void Forget(const DeviceConstant* constant);
  void AddBytes(int64_t bytes);

  const std::shared_ptr<MemoryPool> memory_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint64_t, std::vector<Entry>> by_hash_;  // guarded by mutex_
  BySource by_value_, by_packed_;                              // guarded by mutex_
  int64_t bytes_ = 0;                                          // guarded by mutex_
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CONSTANTS_H_
