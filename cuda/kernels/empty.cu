#include "cuda/kernels/empty.h"

#include "cuda/kernels/device_code.h"

namespace moulin::cuda {
namespace {

__global__ void Empty() {}

}  // namespace

DeviceFunction<> EmptyFunction() { return IndependentKernel("Empty", Empty); }

}  // namespace moulin::cuda
