// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_descriptor.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace moulin::cuda {

CudnnDescriptor::CudnnDescriptor(std::shared_ptr<const CudnnApi> api, cudnnBackendDescriptorType_t type)
    : api_(std::move(api)), type_(type) {
  const cudnnStatus_t status = api_->BackendCreateDescriptor(type, &raw_);
  if (status != CUDNN_STATUS_SUCCESS) {
    raw_ = nullptr;
    status_ = api_->ToStatus(status, absl::StrCat("making a cuDNN descriptor of type ", type));
  }
}

CudnnDescriptor::~CudnnDescriptor() {
  if (raw_ != nullptr) api_->BackendDestroyDescriptor(raw_);
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : api_(other.api_),
      type_(other.type_),
      raw_(std::exchange(other.raw_, nullptr)),
      status_(std::move(other.status_)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(api_, other.api_);
  std::swap(type_, other.type_);
  std::swap(raw_, other.raw_);
  std::swap(status_, other.status_);
  return *this;
}

CudnnDescriptor& CudnnDescriptor::Set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                                      const void* elements) {
  if (!status_.ok()) return *this;
  const cudnnStatus_t status = api_->BackendSetAttribute(raw_, name, type, count, elements);
  if (status != CUDNN_STATUS_SUCCESS) {
    status_ = api_->ToStatus(status, absl::StrCat("setting cuDNN attribute ", name, " of descriptor type ", type_));
  }
  return *this;
}

Status CudnnDescriptor::Finalize() {
  if (!status_.ok()) return status_;
  const cudnnStatus_t status = api_->BackendFinalize(raw_);
  if (status != CUDNN_STATUS_SUCCESS) {
    status_ = api_->ToStatus(status, absl::StrCat("finalising a cuDNN descriptor of type ", type_));
  }
  return status_;
}

int64_t CudnnDescriptor::Count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
  int64_t count = 0;
  if (raw_ == nullptr) return 0;
  if (api_->BackendGetAttribute(raw_, name, type, 0, &count, nullptr) != CUDNN_STATUS_SUCCESS) return 0;
  return count;
}

int64_t CudnnDescriptor::GetInt(cudnnBackendAttributeName_t name, int64_t fallback) const {
  int64_t value = 0, count = 0;
  if (raw_ == nullptr) return fallback;
  const cudnnStatus_t status = api_->BackendGetAttribute(raw_, name, CUDNN_TYPE_INT64, 1, &count, &value);
  return status == CUDNN_STATUS_SUCCESS && count == 1 ? value : fallback;
}

int64_t CudnnDescriptor::GetDescriptors(cudnnBackendAttributeName_t name, absl::Span<CudnnDescriptor> elements) const {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const CudnnDescriptor& element : elements) raw.push_back(element.raw_);
  int64_t count = 0;
  if (raw_ == nullptr || raw.empty() ||
      api_->BackendGetAttribute(raw_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(raw.size()), &count,
                                raw.data()) != CUDNN_STATUS_SUCCESS) {
    return 0;
  }
  return std::min(count, static_cast<int64_t>(raw.size()));
}

}  // namespace moulin::cuda
