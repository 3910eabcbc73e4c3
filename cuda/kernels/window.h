// Pooling, grey-scale dilation and patches over sliding windows.
#ifndef MOULIN_CUDA_KERNELS_WINDOW_H_
#define MOULIN_CUDA_KERNELS_WINDOW_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "kernels/window.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// A thread an element of the result (or vector of channels, which must be innermost in both and divide by it).
// (x, y, windows). NaN never wins a maximum, nor does -inf beat the lowest finite number: as in TensorFlow.
DeviceFunction<const void*, void*, WindowGeometry> MaxPoolFunction(DType type, int vector);
// Sums are in float, of float64 in double. Padding is not counted.
DeviceFunction<const void*, void*, WindowGeometry> AveragePoolFunction(DType type, int vector);
// The size of vectors of a type that the two above take beside 1: 16 bytes; 1 where there are none.
int PoolVector(DType type);

// (x, y, indices, windows, whether the indices are int64 rather than int32, whether they count batches): indices are
// flat offsets in x. The first of equals wins; a NaN in the first tap stays.
DeviceFunction<const void*, void*, void*, WindowGeometry, bool, bool> ArgmaxPoolFunction(DType type);

// (x, filter [taps, channels], y, windows)
DeviceFunction<const void*, const void*, void*, WindowGeometry> DilationFunction(DType type);

// (x, y, map, number of elements of y), for elements of 1, 2, 4, 8 or 16 bytes; zeros where a patch is in the padding.
DeviceFunction<const void*, void*, PatchesMap, int64_t> PatchesFunction(int element_size);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_WINDOW_H_
