#include "cuda/kernels/device_code.h"
#include "cuda/kernels/shape.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

// Products that the compiler may not fuse with the sum that follows: the reference rounds in between.
__device__ inline float Product(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double Product(double a, double b) { return __dmul_rn(a, b); }

// Numbers of one width are alike: sums and products are taken modulo 2^bits.
template <typename T>
__global__ void IntegerRange(const void* start, const void* delta, void* y, int64_t count) {
  const uint64_t first = *static_cast<const T*>(start), step = *static_cast<const T*>(delta);
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) {
    static_cast<T*>(y)[i] = static_cast<T>(first + static_cast<uint64_t>(i) * step);
  }
}

template <typename T>
__global__ void FloatRange(const void* start, const void* delta, void* y, int64_t count) {
  using U = ComputeType<T>;
  const U first = Load(*static_cast<const T*>(start)), step = Load(*static_cast<const T*>(delta));
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) {
    static_cast<T*>(y)[i] = Store<T>(first + Load(Store<T>(Product(static_cast<U>(i), step))));
  }
}

template <typename T>
__global__ void LinSpace(const void* start, const void* stop, void* y, int64_t count) {
  using U = ComputeType<T>;
  const T last = *static_cast<const T*>(stop);
  const U first = Load(*static_cast<const T*>(start));
  const U step = count > 1 ? Load(Store<T>((Load(last) - first) / static_cast<U>(count - 1))) : U(0);
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) {
    T value = Store<T>(first + Load(Store<T>(Product(step, static_cast<U>(i)))));
    if (count > 1 && i == count - 1) value = last;
    static_cast<T*>(y)[i] = value;
  }
}

using Function = DeviceFunction<const void*, const void*, void*, int64_t>;

}  // namespace

Function RangeFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return IndependentKernel("Range", FloatRange<float>);
    case DType::kFloat64:
      return IndependentKernel("Range", FloatRange<double>);
    case DType::kFloat16:
      return IndependentKernel("Range", FloatRange<Float16Bits>);
    case DType::kBFloat16:
      return IndependentKernel("Range", FloatRange<BFloat16Bits>);
    case DType::kInt8:
    case DType::kUInt8:
      return IndependentKernel("Range", IntegerRange<uint8_t>);
    case DType::kInt16:
    case DType::kUInt16:
      return IndependentKernel("Range", IntegerRange<uint16_t>);
    case DType::kInt32:
    case DType::kUInt32:
      return IndependentKernel("Range", IntegerRange<uint32_t>);
    case DType::kInt64:
    case DType::kUInt64:
      return IndependentKernel("Range", IntegerRange<uint64_t>);
    default:
      return {};
  }
}

Function LinSpaceFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return IndependentKernel("LinSpace", LinSpace<float>);
    case DType::kFloat64:
      return IndependentKernel("LinSpace", LinSpace<double>);
    case DType::kFloat16:
      return IndependentKernel("LinSpace", LinSpace<Float16Bits>);
    case DType::kBFloat16:
      return IndependentKernel("LinSpace", LinSpace<BFloat16Bits>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
