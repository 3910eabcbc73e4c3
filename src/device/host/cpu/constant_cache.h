// Weights in the layouts that kernels prefer, made once a device.
#ifndef MOULIN_DEVICE_HOST_CPU_CONSTANT_CACHE_H_
#define MOULIN_DEVICE_HOST_CPU_CONSTANT_CACHE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/tensor_copy.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace moulin::cpu {

// Elements in another layout. Keeps the tensor they come from, whose address identifies them, alive.
struct PackedConstant : TensorCopy {
  Tensor source;
  Tensor packed;  // uint8 bytes; the source itself where the layouts are equal
  dnnl::memory::desc from, to;
  bool is_restorable = false;  // Restore may be called

  void* data() const { return const_cast<void*>(packed.data()); }
  void Restore(void* elements) const override;
};

// Shared by all plans, instances and shapes of a device: kernels hold what they use, the cache only knows of it, so a
// packed constant lives as long as a kernel that reads it. Thread-safe.
class ConstantCache {
 public:
  // The elements of `source`, which lie as `from` says, laid out as `to`.
  StatusOr<std::shared_ptr<const PackedConstant>> Get(const Tensor& source, const dnnl::memory::desc& from,
                                                      const dnnl::memory::desc& to);
  // Bytes of packed copies that are alive.
  int64_t bytes() const;

 private:
  struct Entry {
    dnnl::memory::desc from;
    dnnl::memory::desc to;
    std::weak_ptr<const PackedConstant> constant;
  };
  std::shared_ptr<const PackedConstant> Find(const Tensor& source, const dnnl::memory::desc& from,
                                             const dnnl::memory::desc& to);  // requires mutex_
  void DropExpired();                                                        // requires mutex_

  mutable std::mutex mutex_;
  absl::flat_hash_map<const void*, std::vector<Entry>> entries_;  // by the source's address; guarded by mutex_
};

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_CONSTANT_CACHE_H_
