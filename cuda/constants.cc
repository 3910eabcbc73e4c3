#include "cuda/constants.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "cuda/stream.h"

namespace moulin::cuda {
namespace {

absl::string_view BytesOf(const Tensor& value) {
  return {static_cast<const char*>(value.data()), static_cast<size_t>(value.byte_size())};
}

// Copies on a stream that no capture, and no work in flight, has to do with, and waits for the copy alone.
Status Upload(const CudaApi& api, const Tensor& value, void* to) {
  const size_t bytes = static_cast<size_t>(value.byte_size());
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<StreamHandle> stream, StreamHandle::Create(api, 0));
  cudaError_t error = api.MemcpyAsync(to, value.data(), bytes, cudaMemcpyHostToDevice, stream->get());
  if (error == cudaSuccess) error = api.StreamSynchronize(stream->get());
  return ToStatus(api, error, absl::StrCat("copying a constant of ", bytes, " bytes to the device"));
}

}  // namespace

DeviceConstant::DeviceConstant(std::shared_ptr<ConstantStore> store, Tensor value, Tensor source, uint64_t hash)
    : store_(std::move(store)), value_(std::move(value)), source_(std::move(source)), hash_(hash) {}

DeviceConstant::~DeviceConstant() {
  store_->Forget(this);
  if (memory_ != nullptr) store_->AddBytes(-bytes());
}

StatusOr<const void*> DeviceConstant::Address() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (memory_ != nullptr || bytes() == 0) return static_cast<const void*>(memory_.get());
  MOULIN_ASSIGN_OR_RETURN(MemoryBlock memory, store_->memory_->AllocateOnDevice(bytes(), "a constant"));
  MOULIN_RETURN_IF_ERROR(Upload(store_->memory_->api(), value_, memory.get()));
  memory_ = std::move(memory);
  store_->AddBytes(bytes());
  return static_cast<const void*>(memory_.get());
}

std::shared_ptr<const DeviceConstant> ConstantStore::Get(const Tensor& value) {
  if (Constant constant = Find(by_value_, value)) return constant;
  return Add(value, value, &by_value_);
}

StatusOr<std::shared_ptr<const DeviceConstant>> ConstantStore::GetPacked(
    const Tensor& source, StatusOr<Tensor> (*pack)(const Tensor& source)) {
  if (Constant constant = Find(by_packed_, source)) return constant;
  MOULIN_ASSIGN_OR_RETURN(const Tensor packed, pack(source));
  return Add(packed, source, &by_packed_);
}

ConstantStore::Constant ConstantStore::Find(const BySource& entries, const Tensor& source) const {
  Constant constant;  // let go behind the lock, which its destructor takes
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries.find(source.data());
  if (found == entries.end()) return nullptr;
  constant = found->second.constant.lock();
  // The same elements may be read under several shapes.
  const bool is_same =
      constant != nullptr && constant->source_.dtype() == source.dtype() && constant->source_.shape() == source.shape();
  return is_same ? constant : nullptr;
}

ConstantStore::Constant ConstantStore::Add(const Tensor& value, const Tensor& source, BySource* entries) {
  const absl::string_view bytes = BytesOf(value);
  const uint64_t hash = absl::HashOf(bytes);
  // Held until the lock is gone: a destructor of the last holder, which takes it, may run here.
  std::vector<Constant> held;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Entry>& equals = by_hash_[hash];
  for (const Entry& entry : equals) {
    Constant constant = entry.constant.lock();
    if (constant == nullptr) continue;
    if (BytesOf(constant->value_) == bytes) return constant;
    held.push_back(std::move(constant));
  }
  auto constant = std::make_shared<const DeviceConstant>(shared_from_this(), value, source, hash);
  equals.push_back({constant.get(), constant});
  (*entries)[source.data()] = {constant.get(), constant};
  return constant;
}

int64_t ConstantStore::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

void ConstantStore::Forget(const DeviceConstant* constant) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (BySource* entries : {&by_value_, &by_packed_}) {
    const auto found = entries->find(constant->source_.data());
    if (found != entries->end() && found->second.address == constant) entries->erase(found);
  }
  const auto found = by_hash_.find(constant->hash_);
  if (found == by_hash_.end()) return;
  std::vector<Entry>& equals = found->second;
  equals.erase(
      std::remove_if(equals.begin(), equals.end(), [&](const Entry& entry) { return entry.address == constant; }),
      equals.end());
  if (equals.empty()) by_hash_.erase(found);
}

void ConstantStore::AddBytes(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  bytes_ += bytes;
}

}  // namespace moulin::cuda
