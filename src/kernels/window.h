// The arithmetic of windows that slide over one to three spatial axes: convolution, pooling, morphology, patches.
#ifndef MOULIN_KERNELS_WINDOW_H_
#define MOULIN_KERNELS_WINDOW_H_

#include <cstdint>

#include "kernels/hd.h"

namespace moulin {

// The extent of a dilated window: its taps lie `dilation` apart.
MOULIN_HD inline int64_t WindowExtent(int64_t taps, int64_t dilation) { return (taps - 1) * dilation + 1; }

// How many windows of this extent fit; negative where the axis is too short for TensorFlow to take it.
MOULIN_HD inline int64_t ValidOutputSize(int64_t size, int64_t extent, int64_t stride) {
  return (size - extent + stride) / stride;
}

// With padding to the same size (over the stride).
MOULIN_HD inline int64_t SameOutputSize(int64_t size, int64_t stride) { return (size + stride - 1) / stride; }

// The padding in front that goes with SameOutputSize; the odd element of padding goes behind.
MOULIN_HD inline int64_t SamePadBefore(int64_t size, int64_t extent, int64_t stride) {
  const int64_t total = (SameOutputSize(size, stride) - 1) * stride + extent - size;
  return total > 0 ? total / 2 : 0;
}

// A tensor [batch, axes, channels] in any order: sizes are those of the axes, strides are in elements. Axes that a
// tensor does not have are of size 1.
struct ImageLayout {
  int64_t batch = 1;
  int64_t channels = 1;
  int64_t sizes[3] = {1, 1, 1};
  int64_t batch_stride = 0;
  int64_t channel_stride = 0;
  int64_t strides[3] = {0, 0, 0};

  MOULIN_HD int64_t num_positions() const { return sizes[0] * sizes[1] * sizes[2]; }
};

// Windows over `in`, one for each position of `out`.
struct WindowGeometry {
  ImageLayout in;
  ImageLayout out;
  int64_t taps[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1};
  int64_t dilation[3] = {1, 1, 1};
  int64_t pad_before[3] = {0, 0, 0};

  MOULIN_HD int64_t num_taps() const { return taps[0] * taps[1] * taps[2]; }
  // The element, of batch and channel 0, at the p-th position (row-major) of `image`.
  MOULIN_HD static int64_t Offset(const ImageLayout& image, int64_t p) {
    const int64_t a2 = p % image.sizes[2], a1 = p / image.sizes[2] % image.sizes[1];
    const int64_t a0 = p / (image.sizes[2] * image.sizes[1]);
    return a0 * image.strides[0] + a1 * image.strides[1] + a2 * image.strides[2];
  }

  // Calls f(tap, offset) for every tap of the p-th window that lies inside: its row-major number in the window and the
  // offset in `in`, of batch and channel 0. Taps in the padding are left out.
  template <typename F>
  MOULIN_HD void ForEachTap(int64_t p, F f) const {
    const int64_t o2 = p % out.sizes[2], o1 = p / out.sizes[2] % out.sizes[1], o0 = p / (out.sizes[2] * out.sizes[1]);
    const int64_t begin0 = o0 * stride[0] - pad_before[0];
    const int64_t begin1 = o1 * stride[1] - pad_before[1];
    const int64_t begin2 = o2 * stride[2] - pad_before[2];
    for (int64_t k0 = 0; k0 < taps[0]; ++k0) {
      const int64_t i0 = begin0 + k0 * dilation[0];
      if (i0 < 0 || i0 >= in.sizes[0]) continue;
      for (int64_t k1 = 0; k1 < taps[1]; ++k1) {
        const int64_t i1 = begin1 + k1 * dilation[1];
        if (i1 < 0 || i1 >= in.sizes[1]) continue;
        for (int64_t k2 = 0; k2 < taps[2]; ++k2) {
          const int64_t i2 = begin2 + k2 * dilation[2];
          if (i2 < 0 || i2 >= in.sizes[2]) continue;
          f((k0 * taps[1] + k1) * taps[2] + k2, i0 * in.strides[0] + i1 * in.strides[1] + i2 * in.strides[2]);
        }
      }
    }
  }
};

// The map (kernels/index_map.h) of patches: result [batch, positions, taps * channels] from channels-last images; -1 in
// the padding.
struct PatchesMap {
  WindowGeometry g;

  MOULIN_HD int64_t operator()(int64_t i) const {
    const int64_t channel = i % g.in.channels;
    int64_t tap = i / g.in.channels % g.num_taps();
    int64_t position = i / (g.in.channels * g.num_taps());
    const int64_t batch = position / g.out.num_positions();
    position %= g.out.num_positions();
    int64_t source = batch * g.in.batch_stride + channel * g.in.channel_stride;
    for (int d = 2; d >= 0; --d) {
      const int64_t at = position % g.out.sizes[d] * g.stride[d] - g.pad_before[d] + tap % g.taps[d] * g.dilation[d];
      if (at < 0 || at >= g.in.sizes[d]) return -1;
      source += at * g.in.strides[d];
      position /= g.out.sizes[d];
      tap /= g.taps[d];
    }
    return source;
  }
};

}  // namespace moulin

#endif  // MOULIN_KERNELS_WINDOW_H_
