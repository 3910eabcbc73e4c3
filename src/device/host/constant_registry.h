// Counts the bytes of the constants that a device's executables hold, each block of memory once.
#ifndef MOULIN_DEVICE_HOST_CONSTANT_REGISTRY_H_
#define MOULIN_DEVICE_HOST_CONSTANT_REGISTRY_H_

#include <cstdint>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "moulin/tensor.h"

namespace moulin {

// Thread-safe.
class ConstantRegistry {
 public:
  void Add(const Tensor& constant);
  // Takes back one Add.
  void Remove(const Tensor& constant);
  int64_t bytes() const;

 private:
  struct Entry {
    int uses = 0;
    int64_t bytes = 0;
  };
  mutable std::mutex mutex_;
  absl::flat_hash_map<const void*, Entry> blocks_;  // by Tensor::storage_id; guarded by mutex_
  int64_t bytes_ = 0;                               // guarded by mutex_
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_CONSTANT_REGISTRY_H_
