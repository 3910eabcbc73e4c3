#include "cuda/kernels/device_code.h"
#include "cuda/kernels/scatter.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {
namespace {

__global__ void Destinations(const void* indices, ScatterLinks links, DestinationParams p) {
  for (int64_t i = GlobalThread(); i < p.rows; i += GlobalThreads()) {
    int64_t place = 0;
    bool is_inside = true;
    for (int d = 0; d < p.depth; ++d) {
      const int64_t index = LoadIndex(indices, p.index_type, i * p.depth + d);
      is_inside = is_inside && index >= 0 && index < p.sizes[d];
      place = place * p.sizes[d] + (is_inside ? index : 0);
    }
    links.destination[i] = is_inside ? place : -1;
  }
}

__global__ void Link(ScatterLinks links, int64_t rows) {
  for (int64_t i = GlobalThread(); i < rows; i += GlobalThreads()) {
    const int64_t destination = links.destination[i];
    int64_t before = destination < 0 ? -1 : i - 1;
    while (before >= 0 && links.destination[before] != destination) --before;
    int64_t after = destination < 0 ? rows : i + 1;
    while (after < rows && links.destination[after] != destination) ++after;
    links.is_first[i] = destination >= 0 && before < 0;
    links.next[i] = after < rows ? static_cast<int32_t>(after) : -1;
  }
}

template <typename T>
__device__ T Combine(ScatterOp op, T old, T update) {
  const ComputeType<T> a = Load(old), b = Load(update);
  switch (op) {
    case ScatterOp::kAdd:
      return Store<T>(scalar::Add(a, b));
    case ScatterOp::kSub:
      return Store<T>(scalar::Sub(a, b));
    case ScatterOp::kMin:
      return b < a ? update : old;
    case ScatterOp::kMax:
      return a < b ? update : old;
    default:
      return update;
  }
}

template <typename T>
__global__ void Scatter(const void* updates, void* y, ScatterLinks links, ScatterParams p) {
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t column = p.inner.Split(&row);
    if (links.is_first[row] == 0) continue;
    T* const at = static_cast<T*>(y) + links.destination[row] * p.inner.value + column;
    T value = *at;
    for (; row >= 0; row = links.next[row]) {
      value = Combine(p.op, value, static_cast<const T*>(updates)[row * p.inner.value + column]);
    }
    *at = value;
  }
}

// What T is accumulated in.
template <typename T>
using Wide =
    std::conditional_t<std::is_integral_v<T>, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>, double>;

template <typename W>
__device__ W Reduce(SegmentOp op, W a, W b) {
  switch (op) {
    case SegmentOp::kMax:
      return scalar::Max(a, b);
    case SegmentOp::kMin:
      return scalar::Min(a, b);
    case SegmentOp::kProd:
      return scalar::Mul(a, b);
    default:
      return scalar::Add(a, b);
  }
}

template <typename T>
__device__ T NarrowTo(Wide<T> x) {
  if constexpr (std::is_same_v<ComputeType<T>, T>)
    return static_cast<T>(x);
  else
    return T::From(static_cast<float>(x));
}

template <typename T>
__global__ void Segment(const void* x, void* y, ScatterLinks links, SegmentParams p) {
  using W = Wide<T>;
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t column = p.inner.Split(&row);
    if (links.is_first[row] == 0) continue;
    T* const at = static_cast<T*>(y) + links.destination[row] * p.inner.value + column;
    W value = static_cast<W>(Load(static_cast<const T*>(x)[row * p.inner.value + column]));
    int64_t count = 1;
    for (row = links.next[row]; row >= 0; row = links.next[row], ++count) {
      value = Reduce(p.op, value, static_cast<W>(Load(static_cast<const T*>(x)[row * p.inner.value + column])));
    }
    if (p.op == SegmentOp::kMean) value /= static_cast<W>(count);
    *at = NarrowTo<T>(value);
  }
}

template <typename T>
__global__ void Fill(void* y, int64_t count, uint64_t value) {
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) static_cast<T*>(y)[i] = static_cast<T>(value);
}

// f(T()) with the type's element; none for types without one here.
template <typename Function, typename F>
Function ForType(DType type, F f) {
  switch (type) {
    case DType::kFloat32:
      return f(float());
    case DType::kFloat64:
      return f(double());
    case DType::kFloat16:
      return f(Float16Bits());
    case DType::kBFloat16:
      return f(BFloat16Bits());
    case DType::kInt8:
    case DType::kQInt8:
      return f(int8_t());
    case DType::kUInt8:
    case DType::kQUInt8:
      return f(uint8_t());
    case DType::kInt16:
    case DType::kQInt16:
      return f(int16_t());
    case DType::kUInt16:
    case DType::kQUInt16:
      return f(uint16_t());
    case DType::kInt32:
    case DType::kQInt32:
      return f(int32_t());
    case DType::kUInt32:
      return f(uint32_t());
    case DType::kInt64:
      return f(int64_t());
    case DType::kUInt64:
      return f(uint64_t());
    default:
      return {};
  }
}

}  // namespace

DeviceFunction<const void*, ScatterLinks, DestinationParams> DestinationFunction() {
  return IndependentKernel("Destinations", Destinations);
}

DeviceFunction<ScatterLinks, int64_t> LinkFunction() { return IndependentKernel("Link", Link); }

DeviceFunction<const void*, void*, ScatterLinks, ScatterParams> ScatterFunction(DType type) {
  return ForType<DeviceFunction<const void*, void*, ScatterLinks, ScatterParams>>(
      type, [](auto element) { return IndependentKernel("Scatter", Scatter<decltype(element)>); });
}

DeviceFunction<const void*, void*, ScatterLinks, SegmentParams> SegmentFunction(DType type) {
  return ForType<DeviceFunction<const void*, void*, ScatterLinks, SegmentParams>>(
      type, [](auto element) { return IndependentKernel("Segment", Segment<decltype(element)>); });
}

DeviceFunction<void*, int64_t, uint64_t> FillFunction(int64_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return IndependentKernel("Fill", Fill<uint8_t>);
    case 2:
      return IndependentKernel("Fill", Fill<uint16_t>);
    case 4:
      return IndependentKernel("Fill", Fill<uint32_t>);
    default:
      return IndependentKernel("Fill", Fill<uint64_t>);
  }
}

}  // namespace moulin::cuda
