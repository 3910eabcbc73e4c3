// An element of the result a thread; the arithmetic is that of the reference (kernels/resize.h), and is compiled
// without fused multiply-adds, which would move samples across the edges of images. Tests:
// tests/cuda/kernels/image_test.cc.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/image.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

// An element that converts as the functors of kernels/resize.h want.
template <typename T>
struct Pixel {
  T value;
  MOULIN_HD explicit operator float() const { return Load(value); }
};

struct Bytes16 {
  uint64_t parts[2];
};

// Stores y[i], the type being the same for all threads.
MOULIN_HD inline void StoreAs(RealType type, void* y, int64_t i, float value) {
  switch (type) {
    case RealType::kFloat64:
      static_cast<double*>(y)[i] = value;
      break;
    case RealType::kFloat16:
      static_cast<Float16Bits*>(y)[i] = Float16Bits::From(value);
      break;
    case RealType::kBFloat16:
      static_cast<BFloat16Bits*>(y)[i] = BFloat16Bits::From(value);
      break;
    default:
      static_cast<float*>(y)[i] = value;
  }
}

template <typename T>
__global__ void ResizeNearest(const void* __restrict__ x, void* __restrict__ y, int64_t n, NearestMap map) {
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) {
    static_cast<T*>(y)[i] = static_cast<const T*>(x)[map(i)];
  }
}

template <typename Interpolate, typename T>
__global__ void Resize(const void* __restrict__ image, void* __restrict__ y, int64_t n, ResizeGeometry geometry,
                       RealType type) {
  const Interpolate interpolate{static_cast<const T*>(image), geometry};
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) StoreAs(type, y, i, interpolate(i));
}

template <typename T>
__global__ void CropAndResize(const void* __restrict__ image, const float* __restrict__ boxes,
                              const int32_t* __restrict__ box_index, float* __restrict__ y, int64_t n,
                              CropParameters p) {
  const CropAndResizeBox<T> crop{static_cast<const T*>(image), boxes, box_index, p.geometry, p.nearest,
                                 p.extrapolation_value};
  const int64_t crop_elements = p.geometry.out_h * p.geometry.out_w * p.geometry.channels;
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) {
    const int64_t of = box_index[i / crop_elements];
    y[i] = of >= 0 && of < p.num_images ? crop(i) : p.extrapolation_value;
  }
}

template <typename T>
ResizeFunctionType ResizeInstance(Interpolation method) {
  switch (method) {
    case Interpolation::kBilinear:
      return IndependentKernel("ResizeBilinear", Resize<ResizeBilinear<T>, T>);
    case Interpolation::kBicubic:
      return IndependentKernel("ResizeBicubic", Resize<ResizeBicubic<T>, T>);
    case Interpolation::kArea:
      return IndependentKernel("ResizeArea", Resize<ResizeArea<T>, T>);
  }
  return {};
}

}  // namespace

ResizeNearestFunctionType ResizeNearestFunction(int element_size) {
  switch (element_size) {
    case 1:
      return IndependentKernel("ResizeNearest<1>", ResizeNearest<uint8_t>);
    case 2:
      return IndependentKernel("ResizeNearest<2>", ResizeNearest<uint16_t>);
    case 4:
      return IndependentKernel("ResizeNearest<4>", ResizeNearest<uint32_t>);
    case 8:
      return IndependentKernel("ResizeNearest<8>", ResizeNearest<uint64_t>);
    case 16:
      return IndependentKernel("ResizeNearest<16>", ResizeNearest<Bytes16>);
    default:
      return {};
  }
}

ResizeFunctionType ResizeFunction(Interpolation method, RealType image) {
  switch (image) {
    case RealType::kFloat32:
      return ResizeInstance<float>(method);
    case RealType::kFloat16:
      return ResizeInstance<Pixel<Float16Bits>>(method);
    case RealType::kBFloat16:
      return ResizeInstance<Pixel<BFloat16Bits>>(method);
    case RealType::kUInt8:
      return ResizeInstance<uint8_t>(method);
    default:
      return {};
  }
}

CropAndResizeFunctionType CropAndResizeFunction(RealType image) {
  switch (image) {
    case RealType::kFloat32:
      return IndependentKernel("CropAndResize<float>", CropAndResize<float>);
    case RealType::kFloat16:
      return IndependentKernel("CropAndResize<float16>", CropAndResize<Pixel<Float16Bits>>);
    case RealType::kBFloat16:
      return IndependentKernel("CropAndResize<bfloat16>", CropAndResize<Pixel<BFloat16Bits>>);
    case RealType::kUInt8:
      return IndependentKernel("CropAndResize<uint8>", CropAndResize<uint8_t>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
