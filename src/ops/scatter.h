// The scattering half of the gather family (gather.cc).
#ifndef MOULIN_OPS_SCATTER_H_
#define MOULIN_OPS_SCATTER_H_

#include "ops/op_def.h"

namespace moulin {

// (indices [..., k], updates, shape): updates added onto zeros at x[indices[...]].
Status InferScatterNd(InferContext& c);
Status ScatterNd(const KernelContext& c);

// (x, indices, updates): the same onto x, by ScatterAttrs::op; among duplicates of an update the last one wins.
Status InferTensorScatter(InferContext& c);
Status TensorScatter(const KernelContext& c);

// Turns indices [..., k] into element offsets: x's first k sizes after `batch_dims` are `sizes`, and an entry of all k
// coordinates stands for `inner` elements. E_VALUE naming the index and the shape where one is out of bounds.
Status FlattenIndices(const Tensor& indices, absl::Span<const int64_t> sizes, int64_t inner,
                      std::vector<int64_t>* offsets);

}  // namespace moulin

#endif  // MOULIN_OPS_SCATTER_H_
