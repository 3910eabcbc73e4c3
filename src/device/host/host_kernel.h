// A kernel that runs on the host.
#ifndef MOULIN_DEVICE_HOST_HOST_KERNEL_H_
#define MOULIN_DEVICE_HOST_HOST_KERNEL_H_

#include "absl/types/span.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "plan/kernel.h"

namespace moulin {

// Immutable once prepared; Run may be called from several threads at once (models and instances share kernels).
class HostKernel : public Kernel {
 public:
  // Computes the node, on the calling thread or on a pool that it waits for.
  //   inputs     the node's inputs, in order, of the shapes and types it was prepared for; to be read only. An input
  //              that is a constant of the graph is always the same tensor.
  //   outputs    one for each output of the node. Where type and shape were known when the node was prepared (and the
  //              type is not string): a tensor at its place, elements not initialised, to be written through
  //              mutable_data() and not replaced. Else invalid, and to be assigned by the kernel.
  //              outputs[0] may lie on inputs[i] where can_run_in_place(i).
  //   workspace  workspace_bytes() bytes aligned to 64, not initialised; null where that is 0.
  // Errors say what is wrong with the values (E_VALUE...); the caller adds the node's name.
  virtual Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const = 0;
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_HOST_KERNEL_H_
