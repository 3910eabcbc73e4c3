// cuDNN's backend descriptors as owned objects.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_DESCRIPTOR_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_DESCRIPTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cuda/libraries/cudnn_api.h"

namespace moulin::cuda {

// Set, then finalise, then use. The first failure is kept: setters after it do nothing, and Finalize gives it back.
class CudnnDescriptor {
 public:
  CudnnDescriptor(std::shared_ptr<const CudnnApi> api, cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;

  CudnnDescriptor& Set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                       const void* elements);
  CudnnDescriptor& SetInt(cudnnBackendAttributeName_t name, int64_t value) {
    return Set(name, CUDNN_TYPE_INT64, 1, &value);
  }
  CudnnDescriptor& SetInts(cudnnBackendAttributeName_t name, absl::Span<const int64_t> values) {
    return Set(name, CUDNN_TYPE_INT64, static_cast<int64_t>(values.size()), values.data());
  }
  CudnnDescriptor& SetDouble(cudnnBackendAttributeName_t name, double value) {
    return Set(name, CUDNN_TYPE_DOUBLE, 1, &value);
  }
  CudnnDescriptor& SetFloat(cudnnBackendAttributeName_t name, float value) {
    return Set(name, CUDNN_TYPE_FLOAT, 1, &value);
  }
  CudnnDescriptor& SetBool(cudnnBackendAttributeName_t name, bool value) {
    return Set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
  }
  CudnnDescriptor& SetType(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    return Set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
  }
  CudnnDescriptor& SetDescriptor(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
    return Set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_);
  }
  CudnnDescriptor& SetText(cudnnBackendAttributeName_t name, absl::string_view value) {
    return Set(name, CUDNN_TYPE_CHAR, static_cast<int64_t>(value.size()), value.data());
  }
  Status Finalize();

  // How many elements the attribute has: 0 where it cannot be read.
  int64_t Count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const;
  // The attribute's integer, or `fallback` where it cannot be read.
  int64_t GetInt(cudnnBackendAttributeName_t name, int64_t fallback) const;
  // Fills the descriptors that `elements` holds, already made, from the attribute; returns how many were filled.
  int64_t GetDescriptors(cudnnBackendAttributeName_t name, absl::Span<CudnnDescriptor> elements) const;
  // The elements of an enum or 64-bit attribute.
  template <typename T>
  std::vector<T> GetAll(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
    std::vector<T> values(Count(name, type));
    int64_t count = 0;
    if (values.empty() || api_->BackendGetAttribute(raw_, name, type, static_cast<int64_t>(values.size()), &count,
                                                    values.data()) != CUDNN_STATUS_SUCCESS) {
      return {};
    }
    values.resize(count);
    return values;
  }

  cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  std::shared_ptr<const CudnnApi> api_;
  cudnnBackendDescriptorType_t type_;
  cudnnBackendDescriptor_t raw_ = nullptr;
  Status status_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_DESCRIPTOR_H_
