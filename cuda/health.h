// Whether a GPU can still be used.
#ifndef MOULIN_CUDA_HEALTH_H_
#define MOULIN_CUDA_HEALTH_H_

#include <atomic>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::cuda {

// A fault of a kernel or of the device makes every later call of this process fail. Remembers the first such error, so
// that later requests are refused at once and say why. Thread-safe.
class DeviceHealth {
 public:
  explicit DeviceHealth(const CudaApi& api) : api_(api) {}

  // As ToStatus; notes errors after which the device is of no use.
  Status Check(cudaError_t error, absl::string_view what);
  // OK, or UNAVAILABLE (E_DEVICE) where the device has been lost.
  Status status() const;

 private:
  const CudaApi& api_;
  std::atomic<bool> is_lost_{false};  // set behind lost_: requests on a healthy device take no lock
  mutable std::mutex mutex_;
  std::string lost_;  // the message of the first such error; guarded by mutex_
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_HEALTH_H_
