// The overlap of two boxes.
#ifndef MOULIN_KERNELS_BOX_OVERLAP_H_
#define MOULIN_KERNELS_BOX_OVERLAP_H_

#include "kernels/hd.h"

namespace moulin {

// Intersection over union of boxes [y1, x1, y2, x2] given by any two opposite corners; 0 where one has no area.
MOULIN_HD inline float BoxOverlap(const float* a, const float* b) {
  const auto low = [](float x, float y) { return x < y ? x : y; };
  const auto high = [](float x, float y) { return x < y ? y : x; };
  const float a_y1 = low(a[0], a[2]), a_x1 = low(a[1], a[3]), a_y2 = high(a[0], a[2]), a_x2 = high(a[1], a[3]);
  const float b_y1 = low(b[0], b[2]), b_x1 = low(b[1], b[3]), b_y2 = high(b[0], b[2]), b_x2 = high(b[1], b[3]);
  const float area_a = (a_y2 - a_y1) * (a_x2 - a_x1);
  const float area_b = (b_y2 - b_y1) * (b_x2 - b_x1);
  if (area_a <= 0 || area_b <= 0) return 0;
  const float height = high(low(a_y2, b_y2) - high(a_y1, b_y1), 0.0f);
  const float width = high(low(a_x2, b_x2) - high(a_x1, b_x1), 0.0f);
  const float intersection = height * width;
  return intersection / (area_a + area_b - intersection);
}

}  // namespace moulin

#endif  // MOULIN_KERNELS_BOX_OVERLAP_H_
