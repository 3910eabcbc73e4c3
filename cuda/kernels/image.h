// Resizing and cropping of images [n, h, w, c] (kernels/resize.h).
#ifndef MOULIN_CUDA_KERNELS_IMAGE_H_
#define MOULIN_CUDA_KERNELS_IMAGE_H_

#include <cstdint>

#include "cuda/kernels/to_float.h"
#include "cuda/runtime/device_function.h"
#include "kernels/resize.h"

namespace moulin::cuda {

// y[i] = x[map(i)] for i in [0, n): (x, y, n, map). Elements of 1, 2, 4, 8 or 16 bytes.
using ResizeNearestFunctionType = DeviceFunction<const void*, void*, int64_t, NearestMap>;
ResizeNearestFunctionType ResizeNearestFunction(int element_size);

enum class Interpolation { kBilinear, kBicubic, kArea };

// Elements [0, n) of the resized image, rounded to a floating type: (image, y, n, geometry, type of y). Of images of
// float32, float16, bfloat16 and uint8; null for others.
using ResizeFunctionType = DeviceFunction<const void*, void*, int64_t, ResizeGeometry, RealType>;
ResizeFunctionType ResizeFunction(Interpolation method, RealType image);

struct CropParameters {
  ResizeGeometry geometry;  // as CropAndResizeBox::g
  int64_t num_images = 0;
  bool nearest = false;
  float extrapolation_value = 0;
};
// Elements [0, n) of the crops, as float32: (image, boxes, the image of each box, y, n, parameters). Types as above.
// A box of an image that is not there gives extrapolation_value.
using CropAndResizeFunctionType =
    DeviceFunction<const void*, const float*, const int32_t*, float*, int64_t, CropParameters>;
CropAndResizeFunctionType CropAndResizeFunction(RealType image);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_IMAGE_H_
