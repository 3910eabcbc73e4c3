// The meaning of StridedSlice's operands and masks, axis by axis.
#ifndef MOULIN_OPS_STRIDED_SLICE_H_
#define MOULIN_OPS_STRIDED_SLICE_H_

#include <optional>

#include "kernels/index_map.h"
#include "ops/op_util.h"

namespace moulin {

// One entry an axis of the operand. `sizes` has kUnknownDim where a size depends on something not known yet; begin and
// strides are meaningful where the size is known.
struct DenseSlice {
  Shape::Dims begin;
  Shape::Dims strides;
  Shape::Dims sizes;
  PartialShape result;  // after dropping shrunk axes and adding new ones
};

// Operands not known are nullopt; `count` is how many entries they have. Follows TensorFlow: the ellipsis stands for
// as many axes as are left, new axes beat shrunk ones, begin and end are clamped but indices of shrunk axes are not.
// E_SHAPE for a zero stride, more entries than axes, or an index out of bounds.
StatusOr<DenseSlice> ResolveStridedSlice(const StridedSliceAttrs& attrs, const PartialShape& x, int64_t count,
                                         const std::optional<Ints>& begin, const std::optional<Ints>& end,
                                         const std::optional<Ints>& strides);

// The map from the slice's elements to those of an operand of shape `x`; `slice` must be fully known.
StatusOr<StridedMap> SliceMap(const Shape& x, const DenseSlice& slice);

}  // namespace moulin

#endif  // MOULIN_OPS_STRIDED_SLICE_H_
