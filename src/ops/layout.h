// Parts of the layout family (layout.cc) that have files of their own.
#ifndef MOULIN_OPS_LAYOUT_H_
#define MOULIN_OPS_LAYOUT_H_

#include "ops/op_def.h"

namespace moulin {

// concat.cc. (axis, x...): joins along the axis; the other sizes agree.
Status InferConcat(InferContext& c);
Status Concat(const KernelContext& c);

// pad.cc. (x, paddings [rank, 2], value): constant, or mirrored at the edges.
Status InferPad(InferContext& c);
Status Pad(const KernelContext& c);

}  // namespace moulin

#endif  // MOULIN_OPS_LAYOUT_H_
