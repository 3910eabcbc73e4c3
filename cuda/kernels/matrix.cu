#include "cuda/kernels/device_code.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/unit.h"

namespace moulin::cuda {
namespace {

template <typename T>
__global__ void BandPart(const void* x, const void* lower, const void* upper, void* y, BandPartParams p) {
  const int64_t below = LoadIndex(lower, p.index_type, 0), above = LoadIndex(upper, p.index_type, 0);
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t col = p.cols.Split(&row);
    row = p.rows.Split(&row);
    const bool keep = (below < 0 || row - col <= below) && (above < 0 || col - row <= above);
    T value = {};
    if (keep) value = static_cast<const T*>(x)[i];
    static_cast<T*>(y)[i] = value;
  }
}

template <typename T>
__global__ void SetDiagonals(const void* diagonals, const void* x, const void* padding, void* y, int64_t elements,
                             BandLayout band) {
  const int64_t packed_size = band.count.value * band.length.value;
  for (int64_t i = GlobalThread(); i < elements; i += GlobalThreads()) {
    int64_t batch = i;
    const int64_t col = band.cols.Split(&batch);
    const int64_t row = band.rows.Split(&batch);
    T value;
    if (band.Contains(row, col)) {
      value = static_cast<const T*>(diagonals)[batch * packed_size + band.Index(row, col)];
    } else {
      value = x != nullptr ? static_cast<const T*>(x)[i] : *static_cast<const T*>(padding);
    }
    static_cast<T*>(y)[i] = value;
  }
}

template <typename T>
__global__ void Diagonals(const void* x, const void* padding, void* y, int64_t elements, BandLayout band) {
  for (int64_t i = GlobalThread(); i < elements; i += GlobalThreads()) {
    int64_t batch = i;
    const int64_t place = band.length.Split(&batch);
    const int64_t d = band.upper - band.count.Split(&batch);
    const int64_t along = place - band.Offset(d);
    T value;
    if (along >= 0 && along < band.Length(d)) {
      const int64_t row = along + (d < 0 ? -d : 0), col = along + (d > 0 ? d : 0);
      value = static_cast<const T*>(x)[(batch * band.rows.value + row) * band.cols.value + col];
    } else {
      value = *static_cast<const T*>(padding);
    }
    static_cast<T*>(y)[i] = value;
  }
}

}  // namespace

DeviceFunction<const void*, const void*, const void*, void*, BandPartParams> BandPartFunction(int64_t element_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, const void*, void*, BandPartParams>>(
      element_bytes, [](auto unit) { return IndependentKernel("BandPart", BandPart<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, const void*, void*, int64_t, BandLayout> SetDiagonalsFunction(
    int64_t element_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, const void*, void*, int64_t, BandLayout>>(
      element_bytes, [](auto unit) { return IndependentKernel("SetDiagonals", SetDiagonals<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, void*, int64_t, BandLayout> DiagonalsFunction(int64_t element_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, void*, int64_t, BandLayout>>(
      element_bytes, [](auto unit) { return IndependentKernel("Diagonals", Diagonals<decltype(unit)>); });
}

}  // namespace moulin::cuda
