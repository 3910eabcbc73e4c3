// What a planner needs to know of a device's kernels; the device that made them knows how to launch them.
#ifndef MOULIN_PLAN_KERNEL_H_
#define MOULIN_PLAN_KERNEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/tensor_copy.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

struct Plan;

// Where a kernel's operands and results lie. A device that computes on the host has the one space alone.
enum class MemorySpace { kHost, kDevice };
inline constexpr int kNumMemorySpaces = 2;

// A node prepared for concrete shapes on one device: algorithm chosen, weights packed, workspace known. Immutable.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // How the node will run, for `moulin show` and plans: "onednn:brgconv", "reference".
  virtual std::string name() const = 0;
  // Where it runs, and so where the planner puts its operands, results and workspace.
  virtual MemorySpace space() const { return MemorySpace::kHost; }
  // Scratch memory that a launch needs, taken from the plan's arena.
  virtual int64_t workspace_bytes() const { return 0; }
  // Whether output 0 may be written over input `i`, which no later step reads.
  virtual bool can_run_in_place(int i) const {
    (void)i;
    return false;
  }
  // The form in which the kernel itself holds input `i`, a constant, where it does not read the elements as they are
  // given; they may then be released. Null where it reads them.
  virtual std::shared_ptr<const TensorCopy> copy_of(int i) const {
    (void)i;
    return nullptr;
  }
  // Of a choice or a loop: the plans of what it runs, whose inputs and outputs lie in the kernel's space.
  virtual std::vector<const Plan*> regions() const { return {}; }
};

// Where kernels come from: a device. Thread-safe.
class KernelSource {
 public:
  virtual ~KernelSource() = default;
  // A kernel for `node`, all of whose types are concrete in `graph`. UNIMPLEMENTED where the device has none.
  virtual StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph& graph, const Node& node) = 0;
};

}  // namespace moulin

#endif  // MOULIN_PLAN_KERNEL_H_
