#include "cuda/constants.h"

#include <algorithm>
#include <cstring>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

absl::string_view BytesOf(const Tensor& value) {
  return {static_cast<const char*>(value.data()), static_cast<size_t>(value.byte_size())};
}

// Copies on a stream that no capture, and no work in flight, has to do with, and waits for the copy alone.
Status Upload(const CudaApi& api, const Tensor& value, void* to) {
  cudaStream_t stream = nullptr;
  const size_t bytes = static_cast<size_t>(value.byte_size());
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api, api.StreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0), "creating a stream"));
  cudaError_t error = api.MemcpyAsync(to, value.data(), bytes, cudaMemcpyHostToDevice, stream);
  if (error == cudaSuccess) error = api.StreamSynchronize(stream);
  api.StreamDestroy(stream);
  return ToStatus(api, error, absl::StrCat("copying a constant of ", bytes, " bytes to the device"));
}

}  // namespace

DeviceConstant::DeviceConstant(std::shared_ptr<ConstantStore> store, Tensor value)
    : store_(std::move(store)), value_(std::move(value)) {}

DeviceConstant::~DeviceConstant() {
  store_->Forget(this);
  if (address_ == nullptr) return;
  store_->api_.Free(address_);
  store_->AddBytes(-bytes());
}

StatusOr<const void*> DeviceConstant::Address() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (address_ != nullptr || bytes() == 0) return static_cast<const void*>(address_);
  const CudaApi& api = store_->api_;
  void* memory = nullptr;
  MOULIN_RETURN_IF_ERROR(ToStatus(api, api.Malloc(&memory, static_cast<size_t>(bytes())),
                                  absl::StrCat("allocating ", bytes(), " bytes for a constant")));
  if (Status status = Upload(api, value_, memory); !status.ok()) {
    api.Free(memory);
    return status;
  }
  address_ = memory;
  store_->AddBytes(bytes());
  return static_cast<const void*>(address_);
}

std::shared_ptr<const DeviceConstant> ConstantStore::Get(const Tensor& value) {
  const absl::string_view bytes = BytesOf(value);
  const uint64_t hash = absl::HashOf(bytes);
  // Held until the lock is gone: a destructor of the last holder, which takes it, may run here.
  std::vector<std::shared_ptr<const DeviceConstant>> held;
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& entries = constants_[hash];
  for (const auto& [address, entry] : entries) {
    std::shared_ptr<const DeviceConstant> constant = entry.lock();
    if (constant == nullptr) continue;
    if (BytesOf(constant->value_) == bytes) return constant;
    held.push_back(std::move(constant));
  }
  auto constant = std::make_shared<const DeviceConstant>(shared_from_this(), value);
  entries.emplace_back(constant.get(), constant);
  return constant;
}

int64_t ConstantStore::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

void ConstantStore::Forget(const DeviceConstant* constant) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t hash = absl::HashOf(BytesOf(constant->value_));
  const auto found = constants_.find(hash);
  if (found == constants_.end()) return;
  auto& entries = found->second;
  entries.erase(std::remove_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == constant; }),
                entries.end());
  if (entries.empty()) constants_.erase(found);
}

void ConstantStore::AddBytes(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  bytes_ += bytes;
}

}  // namespace moulin::cuda
