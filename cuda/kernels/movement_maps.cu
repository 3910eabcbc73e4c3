// Movement along the index maps that host and device share.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/movement.h"
#include "cuda/kernels/unit.h"

namespace moulin::cuda {
namespace {

template <typename T, typename Map>
__global__ void MappedCopy(const void* x, void* y, int64_t count, Map map) {
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) {
    const int64_t from = map(i);
    T value = {};
    if (from >= 0) value = static_cast<const T*>(x)[from];
    static_cast<T*>(y)[i] = value;
  }
}

template <typename Map>
DeviceFunction<const void*, void*, int64_t, Map> MappedCopyFunction(const char* name, int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, void*, int64_t, Map>>(
      unit_bytes, [name](auto unit) { return IndependentKernel(name, MappedCopy<decltype(unit), Map>); });
}

}  // namespace

DeviceFunction<const void*, void*, int64_t, RollMap> RollFunction(int64_t unit_bytes) {
  return MappedCopyFunction<RollMap>("Roll", unit_bytes);
}

DeviceFunction<const void*, void*, int64_t, SpaceToBatchMap> SpaceToBatchFunction(int64_t unit_bytes) {
  return MappedCopyFunction<SpaceToBatchMap>("SpaceToBatch", unit_bytes);
}

DeviceFunction<const void*, void*, int64_t, BatchToSpaceMap> BatchToSpaceFunction(int64_t unit_bytes) {
  return MappedCopyFunction<BatchToSpaceMap>("BatchToSpace", unit_bytes);
}

}  // namespace moulin::cuda
