// The reference kernel of any primitive (its OpDef's) as a HostKernel.
#ifndef MOULIN_DEVICE_HOST_REFERENCE_KERNEL_H_
#define MOULIN_DEVICE_HOST_REFERENCE_KERNEL_H_

#include <memory>

#include "ir/graph.h"
#include "moulin/status.h"
#include "plan/kernel.h"

namespace moulin {

// The reference kernel for `node`, whose inputs' types are concrete in `graph`. Keeps a copy of what it needs of both.
// Every primitive has one. Thread-safe.
StatusOr<std::shared_ptr<const Kernel>> PrepareReference(const Graph& graph, const Node& node);

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_REFERENCE_KERNEL_H_
