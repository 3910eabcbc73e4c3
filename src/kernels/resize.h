// Resizing and cropping of images [n, h, w, c], one element of the result at a time. The order of the operations in
// float is TensorFlow's, so that results agree to the last bits: the scale is a float, interpolation goes rows last
// (bilinear) or first (bicubic), and bicubic weights are those of a table of 1024 steps.
#ifndef MOULIN_KERNELS_RESIZE_H_
#define MOULIN_KERNELS_RESIZE_H_

#include <cmath>
#include <cstdint>

#include "kernels/hd.h"

namespace moulin {

struct ResizeGeometry {
  int64_t in_h = 1, in_w = 1;
  int64_t out_h = 1, out_w = 1;
  int64_t channels = 1;
  float scale_h = 1, scale_w = 1;  // from coordinates of the result to those of the image
  bool align_corners = false;
  bool half_pixel_centers = false;

  MOULIN_HD static float Scale(int64_t in, int64_t out, bool align_corners) {
    // A single row has no two corners to align.
    return align_corners && in > 1 && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                              : static_cast<float>(in) / static_cast<float>(out);
  }
  // Where position i of the result lies in the image.
  MOULIN_HD float Source(int64_t i, float scale) const {
    const float at = static_cast<float>(i);
    return half_pixel_centers ? (at + 0.5f) * scale - 0.5f : at * scale;
  }
  MOULIN_HD static int64_t Clamp(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }
  MOULIN_HD int64_t Element(int64_t n, int64_t y, int64_t x, int64_t c) const {
    return ((n * in_h + y) * in_w + x) * channels + c;
  }
};

// The coordinates of the i-th element of the result.
struct ImagePosition {
  int64_t n, y, x, c;
  MOULIN_HD ImagePosition(const ResizeGeometry& g, int64_t i)
      : n(i / (g.channels * g.out_w * g.out_h)),
        y(i / (g.channels * g.out_w) % g.out_h),
        x(i / g.channels % g.out_w),
        c(i % g.channels) {}
};

// A map (kernels/index_map.h).
struct NearestMap {
  ResizeGeometry g;

  MOULIN_HD int64_t Nearest(int64_t i, float scale, int64_t size) const {
    const float at = g.half_pixel_centers ? (static_cast<float>(i) + 0.5f) * scale : static_cast<float>(i) * scale;
    return ResizeGeometry::Clamp(static_cast<int64_t>(g.align_corners ? roundf(at) : floorf(at)), size);
  }
  MOULIN_HD int64_t operator()(int64_t i) const {
    const ImagePosition p(g, i);
    return g.Element(p.n, Nearest(p.y, g.scale_h, g.in_h), Nearest(p.x, g.scale_w, g.in_w), p.c);
  }
};

// Two neighbours and the weight of the second.
struct LinearTaps {
  int64_t lower, upper;
  float weight;

  MOULIN_HD LinearTaps(float at, int64_t size)
      : lower(ResizeGeometry::Clamp(static_cast<int64_t>(floorf(at)), size)),
        upper(ResizeGeometry::Clamp(static_cast<int64_t>(ceilf(at)), size)),
        weight(at - floorf(at)) {}
};

MOULIN_HD inline float Lerp(float a, float b, float weight) { return a + (b - a) * weight; }

template <typename T>
struct ResizeBilinear {
  const T* image;
  ResizeGeometry g;

  MOULIN_HD float At(const ImagePosition& p, int64_t y, int64_t x) const {
    return static_cast<float>(image[g.Element(p.n, y, x, p.c)]);
  }
  MOULIN_HD float operator()(int64_t i) const {
    const ImagePosition p(g, i);
    const LinearTaps y(g.Source(p.y, g.scale_h), g.in_h);
    const LinearTaps x(g.Source(p.x, g.scale_w), g.in_w);
    const float top = Lerp(At(p, y.lower, x.lower), At(p, y.lower, x.upper), x.weight);
    const float bottom = Lerp(At(p, y.upper, x.lower), At(p, y.upper, x.upper), x.weight);
    return Lerp(top, bottom, y.weight);
  }
};

// Four neighbours with their weights.
struct CubicTaps {
  int64_t index[4];
  float weight[4];

  static constexpr int kSteps = 1024;
  // The weights of the two taps on one side at distance step / kSteps and one more.
  MOULIN_HD static float Near(double a, int64_t step) {
    const float x = static_cast<float>(static_cast<double>(step) / kSteps);
    return static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
  }
  MOULIN_HD static float Far(double a, int64_t step) {
    const float x = static_cast<float>(static_cast<double>(step) / kSteps) + 1.0f;
    return static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
  }

  // Keys' kernel (a = -1/2), for half-pixel centers, drops the taps outside and normalises the others.
  MOULIN_HD CubicTaps(float at, int64_t size, bool keys) {
    const int64_t first = static_cast<int64_t>(floorf(at));
    const int64_t step = static_cast<int64_t>(lrintf((at - static_cast<float>(first)) * kSteps));
    const double a = keys ? -0.5 : -0.75;
    weight[0] = Far(a, step);
    weight[1] = Near(a, step);
    weight[2] = Near(a, kSteps - step);
    weight[3] = Far(a, kSteps - step);
    float sum = 0;
    for (int k = 0; k < 4; ++k) {
      const int64_t wanted = first - 1 + k;
      index[k] = ResizeGeometry::Clamp(wanted, size);
      if (keys && index[k] != wanted) weight[k] = 0;
      sum += weight[k];
    }
    if (!keys || fabsf(sum) < 1000.0f * 1.17549435e-38f) return;
    const float inverse = 1.0f / sum;
    for (float& w : weight) w *= inverse;
  }
};

template <typename T>
struct ResizeBicubic {
  const T* image;
  ResizeGeometry g;

  MOULIN_HD float operator()(int64_t i) const {
    const ImagePosition p(g, i);
    const CubicTaps y(g.Source(p.y, g.scale_h), g.in_h, g.half_pixel_centers);
    const CubicTaps x(g.Source(p.x, g.scale_w), g.in_w, g.half_pixel_centers);
    float result = 0;
    for (int k = 0; k < 4; ++k) {
      float column = 0;
      for (int j = 0; j < 4; ++j) {
        column += static_cast<float>(image[g.Element(p.n, y.index[j], x.index[k], p.c)]) * y.weight[j];
      }
      result += column * x.weight[k];
    }
    return result;
  }
};

// Mean over the area of the image that an element of the result covers.
template <typename T>
struct ResizeArea {
  const T* image;
  ResizeGeometry g;

  // How much of [at, at + 1) lies in [begin, end), where end - begin = scale.
  MOULIN_HD static float Share(int64_t at, float begin, float end, float scale) {
    const float v = static_cast<float>(at);
    if (v < begin) return v + 1 > end ? scale : v + 1 - begin;
    return v + 1 > end ? end - v : 1.0f;
  }
  MOULIN_HD float operator()(int64_t i) const {
    const ImagePosition p(g, i);
    const float y0 = static_cast<float>(p.y) * g.scale_h, y1 = static_cast<float>(p.y + 1) * g.scale_h;
    const float x0 = static_cast<float>(p.x) * g.scale_w, x1 = static_cast<float>(p.x + 1) * g.scale_w;
    float sum = 0;
    for (int64_t y = static_cast<int64_t>(floorf(y0)); y < static_cast<int64_t>(ceilf(y1)); ++y) {
      float row = 0;
      for (int64_t x = static_cast<int64_t>(floorf(x0)); x < static_cast<int64_t>(ceilf(x1)); ++x) {
        const int64_t at = g.Element(p.n, ResizeGeometry::Clamp(y, g.in_h), ResizeGeometry::Clamp(x, g.in_w), p.c);
        row += static_cast<float>(image[at]) * Share(x, x0, x1, g.scale_w);
      }
      sum += row * Share(y, y0, y1, g.scale_h);
    }
    return sum * (1.0f / (g.scale_h * g.scale_w));
  }
};

// Crops boxes out of images and resizes each to one size. Boxes are [y1, x1, y2, x2], 1 being the last row or column.
template <typename T>
struct CropAndResizeBox {
  const T* image;
  const float* boxes;
  const int32_t* box_index;  // which image each box is of; all in bounds
  ResizeGeometry g;          // out_h and out_w are the crop's; the scales are not used
  bool nearest;
  float extrapolation_value;

  MOULIN_HD static float Source(int64_t i, float begin, float end, int64_t size, int64_t crop) {
    const float last = static_cast<float>(size - 1);
    if (crop <= 1) return static_cast<float>(0.5 * static_cast<double>(begin + end) * static_cast<double>(last));
    const float scale = (end - begin) * last / static_cast<float>(crop - 1);
    return begin * last + static_cast<float>(i) * scale;
  }
  MOULIN_HD float operator()(int64_t i) const {
    const ImagePosition p(g, i);
    const float* box = boxes + p.n * 4;
    const float at_y = Source(p.y, box[0], box[2], g.in_h, g.out_h);
    const float at_x = Source(p.x, box[1], box[3], g.in_w, g.out_w);
    // Written so that a NaN lies outside too.
    const bool inside =
        at_y >= 0 && at_y <= static_cast<float>(g.in_h - 1) && at_x >= 0 && at_x <= static_cast<float>(g.in_w - 1);
    if (!inside) return extrapolation_value;
    const int64_t n = box_index[p.n];
    if (nearest) {
      return static_cast<float>(
          image[g.Element(n, static_cast<int64_t>(roundf(at_y)), static_cast<int64_t>(roundf(at_x)), p.c)]);
    }
    const LinearTaps y(at_y, g.in_h);
    const LinearTaps x(at_x, g.in_w);
    const float top = Lerp(static_cast<float>(image[g.Element(n, y.lower, x.lower, p.c)]),
                           static_cast<float>(image[g.Element(n, y.lower, x.upper, p.c)]), x.weight);
    const float bottom = Lerp(static_cast<float>(image[g.Element(n, y.upper, x.lower, p.c)]),
                              static_cast<float>(image[g.Element(n, y.upper, x.upper, p.c)]), x.weight);
    return Lerp(top, bottom, y.weight);
  }
};

}  // namespace moulin

#endif  // MOULIN_KERNELS_RESIZE_H_
