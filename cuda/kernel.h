// A kernel of the CUDA device.
#ifndef MOULIN_CUDA_KERNEL_H_
#define MOULIN_CUDA_KERNEL_H_

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/runtime/launch.h"
#include "moulin/status.h"
#include "plan/kernel.h"

namespace moulin::cuda {

// Immutable once prepared. Everything that depends on the device's memory (addresses of weights) is settled when it is
// first enqueued, so that preparing needs no GPU.
class CudaKernel : public Kernel {
 public:
  MemorySpace space() const override { return MemorySpace::kDevice; }
  // Whether Enqueue looks at input i of the node. Where it does not (the kernel holds a packed copy of the weights),
  // the input need not be on the device, and its address is null.
  virtual bool reads_input(int i) const {
    (void)i;
    return true;
  }
  // Enqueues the work on context.stream and returns at once: launches, copies and memsets, and nothing that waits or
  // allocates on the device but at the first call. Called while a graph is captured, so it runs once a plan, not once
  // a request. Errors are of launching alone; values are not looked at.
  virtual Status Enqueue(const LaunchContext& context) const = 0;
};

// A kernel made of a function.
class SimpleKernel : public CudaKernel {
 public:
  using EnqueueFn = std::function<Status(const LaunchContext&)>;

  SimpleKernel(std::string name, EnqueueFn enqueue, int64_t workspace_bytes = 0, std::vector<int> in_place = {})
      : name_(std::move(name)),
        enqueue_(std::move(enqueue)),
        workspace_bytes_(workspace_bytes),
        in_place_(std::move(in_place)) {}

  std::string name() const override { return name_; }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  bool can_run_in_place(int i) const override {
    return std::find(in_place_.begin(), in_place_.end(), i) != in_place_.end();
  }
  Status Enqueue(const LaunchContext& context) const override { return enqueue_(context); }

 private:
  const std::string name_;
  const EnqueueFn enqueue_;
  const int64_t workspace_bytes_;
  const std::vector<int> in_place_;  // inputs that output 0 may be written over
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNEL_H_
