#include "device/host/constant_registry.h"

namespace moulin {

void ConstantRegistry::Add(const Tensor& constant) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = blocks_[constant.storage_id()];
  if (entry.uses++ > 0) return;
  entry.bytes = constant.byte_size();
  bytes_ += entry.bytes;
}

void ConstantRegistry::Remove(const Tensor& constant) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = blocks_.find(constant.storage_id());
  if (it == blocks_.end() || --it->second.uses > 0) return;
  bytes_ -= it->second.bytes;
  blocks_.erase(it);
}

int64_t ConstantRegistry::bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace moulin
