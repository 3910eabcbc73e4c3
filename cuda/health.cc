// Tested by tests/cuda/device/execution_test.cc.
#include "cuda/health.h"

#include "base/errors.h"

namespace moulin::cuda {

Status DeviceHealth::Check(cudaError_t error, absl::string_view what) {
  const Status status = ToStatus(api_, error, what);
  if (!IsSticky(error)) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (lost_.empty()) lost_ = absl::StrCat(what, " failed: ", api_.GetErrorName(error));
  is_lost_.store(true, std::memory_order_release);
  return status;
}

Status DeviceHealth::status() const {
  if (!is_lost_.load(std::memory_order_acquire)) return absl::OkStatus();
  std::lock_guard<std::mutex> lock(mutex_);
  return MakeError(ErrorCode::kDevice, "the GPU has been lost to this process (", lost_,
                   "); requests can be run again once the process has been restarted");
}

}  // namespace moulin::cuda
