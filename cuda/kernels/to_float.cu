// Tests: tests/cuda/kernels/image_test.cc, detection_test.cc.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/to_float.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

template <typename T>
__global__ void ToFloat(const void* __restrict__ x, float* __restrict__ y, int64_t n) {
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) {
    y[i] = static_cast<float>(Load(static_cast<const T*>(x)[i]));
  }
}

}  // namespace

DeviceFunction<const void*, float*, int64_t> ToFloatFunction(RealType type) {
  switch (type) {
    case RealType::kFloat32:
      return IndependentKernel("ToFloat<float>", ToFloat<float>);
    case RealType::kFloat64:
      return IndependentKernel("ToFloat<double>", ToFloat<double>);
    case RealType::kFloat16:
      return IndependentKernel("ToFloat<float16>", ToFloat<Float16Bits>);
    case RealType::kBFloat16:
      return IndependentKernel("ToFloat<bfloat16>", ToFloat<BFloat16Bits>);
    case RealType::kInt8:
      return IndependentKernel("ToFloat<int8>", ToFloat<int8_t>);
    case RealType::kUInt8:
      return IndependentKernel("ToFloat<uint8>", ToFloat<uint8_t>);
    case RealType::kInt16:
      return IndependentKernel("ToFloat<int16>", ToFloat<int16_t>);
    case RealType::kUInt16:
      return IndependentKernel("ToFloat<uint16>", ToFloat<uint16_t>);
    case RealType::kInt32:
      return IndependentKernel("ToFloat<int32>", ToFloat<int32_t>);
    case RealType::kUInt32:
      return IndependentKernel("ToFloat<uint32>", ToFloat<uint32_t>);
    case RealType::kInt64:
      return IndependentKernel("ToFloat<int64>", ToFloat<int64_t>);
    case RealType::kUInt64:
      return IndependentKernel("ToFloat<uint64>", ToFloat<uint64_t>);
  }
  return {};
}

}  // namespace moulin::cuda
