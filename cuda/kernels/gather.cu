#include "cuda/kernels/device_code.h"
#include "cuda/kernels/gather.h"
#include "cuda/kernels/unit.h"

namespace moulin::cuda {
namespace {

template <typename T>
__global__ void Gather(const void* x, const void* indices, void* y, GatherParams p) {
  for (int64_t i = GlobalThread(); i < p.units; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t in_row = p.inner.Split(&row);
    const int64_t k = p.count.Split(&row);
    const int64_t index = LoadIndex(indices, p.index_type, p.outer.Quotient(row) * p.count.value + k);
    T value = {};
    if (index >= 0 && index < p.size) {
      value = static_cast<const T*>(x)[(row * p.size + index) * p.inner.value + in_row];
    }
    static_cast<T*>(y)[i] = value;
  }
}

template <typename T>
__global__ void GatherNd(const void* x, const void* indices, void* y, GatherNdParams p) {
  for (int64_t i = GlobalThread(); i < p.units; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t in_row = p.inner.Split(&row);
    int64_t place = 0;
    bool is_inside = true;
    for (int d = 0; d < p.depth; ++d) {
      const int64_t index = LoadIndex(indices, p.index_type, row * p.depth + d);
      is_inside = is_inside && index >= 0 && index < p.sizes[d];
      place = place * p.sizes[d] + (is_inside ? index : 0);
    }
    T value = {};
    if (is_inside) {
      value = static_cast<const T*>(x)[p.rows.Quotient(row) * p.batch_stride + place * p.inner.value + in_row];
    }
    static_cast<T*>(y)[i] = value;
  }
}

template <typename T>
__global__ void OneHot(const void* indices, const void* on, const void* off, void* y, OneHotParams p) {
  const T on_value = *static_cast<const T*>(on), off_value = *static_cast<const T*>(off);
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    int64_t outer = i;
    const int64_t inner = p.inner.Split(&outer);
    const int64_t at = p.depth.Split(&outer);
    const int64_t index = LoadIndex(indices, p.index_type, outer * p.inner.value + inner);
    static_cast<T*>(y)[i] = index == at ? on_value : off_value;
  }
}

}  // namespace

DeviceFunction<const void*, const void*, void*, GatherParams> GatherFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, void*, GatherParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("Gather", Gather<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, void*, GatherNdParams> GatherNdFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, void*, GatherNdParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("GatherNd", GatherNd<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, const void*, void*, OneHotParams> OneHotFunction(int64_t element_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, const void*, void*, OneHotParams>>(
      element_bytes, [](auto unit) { return IndependentKernel("OneHot", OneHot<decltype(unit)>); });
}

}  // namespace moulin::cuda
