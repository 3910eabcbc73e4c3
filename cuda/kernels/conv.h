// Convolutions, forwards and transposed, of any layout, groups and dilation; and depthwise ones of channels-last
// images.
#ifndef MOULIN_CUDA_KERNELS_CONV_H_
#define MOULIN_CUDA_KERNELS_CONV_H_

#include <cstdint>

#include "cuda/kernels/fused_epilogue.h"
#include "cuda/runtime/device_function.h"
#include "kernels/window.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// The windows of a convolution from `g.in` to `g.out`. Forwards x is `in` and y is `out`; transposed, the reverse.
// The filter is TensorFlow's: [taps, in channels / groups, out channels].
struct ConvParams {
  WindowGeometry g;
  int64_t groups = 1;
};

using ConvFunction = DeviceFunction<const void*, const void*, void*, ConvParams, FusedEpilogue>;

// (x, filter, y, params, epilogue), by implicit matrix products of 64 x 64 tiles: kGemmThreads threads, blocks as in
// contract.h. float32, float64, float16, bfloat16, int32; forwards int8 as well, with an int32 result; null for others.
ConvFunction ConvForwardFunction(DType type);
ConvFunction ConvTransposedFunction(DType type);

// Forwards for groups of few filters, which would leave most of a tile empty: a thread an element. The same types as forwards.
ConvFunction ConvDirectFunction(DType type);

// Forwards with one channel a group and one filter a channel, channels innermost: a thread makes kDepthwiseWidth
// neighbouring positions of `vector` channels, which divides the channels. float32 (vectors of 1, 4), float16 and
// bfloat16 (1, 8).
inline constexpr int kDepthwiseWidth = 4;
ConvFunction DepthwiseFunction(DType type, int vector);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_CONV_H_
