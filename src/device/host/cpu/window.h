// Windows over images in oneDNN's terms, for convolutions and pooling.
#ifndef MOULIN_DEVICE_HOST_CPU_WINDOW_H_
#define MOULIN_DEVICE_HOST_CPU_WINDOW_H_

#include "absl/types/span.h"
#include "ir/attrs.h"
#include "moulin/shape.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace moulin::cpu {

// oneDNN's dilations are one less than TensorFlow's; padding may differ before and behind.
struct Windows {
  dnnl::memory::dims strides, dilations, pad_before, pad_after;
};

// What is asked of Windows; empty dilations are ones. The pads are read for explicit padding only.
struct WindowRequest {
  const SpatialDims& strides;
  const SpatialDims& dilations;
  Padding padding;
  const SpatialDims& pad_before;
};

// For windows of the given sizes over `image`, one for each element of `result` (spatial sizes all). The padding behind
// is what makes oneDNN's sizes agree.
Windows MakeWindows(const WindowRequest& request, absl::Span<const int64_t> window, absl::Span<const int64_t> image,
                    absl::Span<const int64_t> result);

// [n, spatial..., c] or [n, c, spatial...] as [n, c, spatial...].
dnnl::memory::dims ChannelsSecond(const Shape& shape, bool channels_last);

// The row-major layout of activations of 1 to 3 spatial axes.
dnnl::memory::desc ActivationDesc(const dnnl::memory::dims& dims, bool channels_last,
                                  dnnl::memory::data_type type = dnnl::memory::data_type::f32);

bool HasEmptyAxis(const dnnl::memory::dims& dims);

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_WINDOW_H_
