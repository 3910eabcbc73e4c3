// What the ops with sliding windows share: checking their attributes, sizes of results, geometry for their kernels.
#ifndef MOULIN_OPS_WINDOW_UTIL_H_
#define MOULIN_OPS_WINDOW_UTIL_H_

#include "ir/attrs.h"
#include "kernels/window.h"
#include "ops/op_util.h"

namespace moulin {

// The parts of [n, spatial..., c] or [n, c, spatial...]; sizes may be unknown.
struct ImageShape {
  int64_t batch = kUnknownDim;
  int64_t channels = kUnknownDim;
  SpatialDims spatial;

  // All unknown where the rank is unknown; E_SHAPE unless it is 2 + num_spatial.
  static StatusOr<ImageShape> Of(const PartialShape& shape, int num_spatial, bool channels_last,
                                 absl::string_view what);
  PartialShape ToShape(bool channels_last) const;
};

// The windows of an op along its spatial axes.
struct WindowAttrs {
  SpatialDims taps;  // may be unknown
  SpatialDims strides;
  SpatialDims dilations;
  Padding padding = Padding::kValid;
  SpatialDims pad_before;  // for kExplicit
  SpatialDims pad_after;
};

// E_ATTR unless there are 1 to 3 axes, each with a positive stride, dilation and number of taps, and paddings are not
// negative; all are bounded so that WindowExtent cannot overflow.
Status CheckWindowAttrs(const WindowAttrs& w);

// The sizes of the result along the spatial axes: E_SHAPE where an axis is too short for a window.
StatusOr<SpatialDims> WindowOutputSizes(const WindowAttrs& w, const SpatialDims& sizes);

// Everything known: x and y are [n, spatial..., c] or [n, c, spatial...].
WindowGeometry MakeGeometry(const WindowAttrs& w, const Shape& x, const Shape& y, bool channels_last);

}  // namespace moulin

#endif  // MOULIN_OPS_WINDOW_UTIL_H_
