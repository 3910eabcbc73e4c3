// Requests that run as one: their rows, the elements of each index of the first axis, lie one behind another.
#ifndef MOULIN_ENGINE_BATCH_H_
#define MOULIN_ENGINE_BATCH_H_

#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "device/device.h"
#include "engine/request_state.h"

namespace moulin::internal {

// Those that run together; one of them mostly.
using Batch = absl::InlinedVector<std::shared_ptr<RequestState>, 1>;

// The first size of the inputs, where they have the same; 0 where such a request runs by itself.
int64_t RowsOf(const BoundRequest& request);

// Whether the inputs, of one model, differ in their first sizes alone.
bool CanJoin(const BoundRequest& a, const BoundRequest& b);

// The inputs of the run: those of a single request, taken out of it; else copies of all, joined. E_MEMORY.
StatusOr<std::vector<Tensor>> TakeInputs(const Batch& batch);

// The outputs of each request of a batch of several. E_SHAPE where an output has not as many rows as the inputs;
// E_MEMORY.
StatusOr<std::vector<Outputs>> SplitOutputs(const Batch& batch, const Outputs& outputs);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_BATCH_H_
