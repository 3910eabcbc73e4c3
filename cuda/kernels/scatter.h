// Kernels that combine rows into the rows that indices name. Several rows may go to one place: they are combined in the
// order of the indices, so that every run gives the same bits. Indices out of range are dropped, as TensorFlow does on
// a GPU (on the CPU they are an error).
//
// First each row's destination is worked out, and each is linked to the next row with the same one (n^2 / 2 comparisons
// at most, of which most are few); then one thread an element walks along the links.
#ifndef MOULIN_CUDA_KERNELS_SCATTER_H_
#define MOULIN_CUDA_KERNELS_SCATTER_H_

#include <cstdint>

#include "cuda/kernels/divisor.h"
#include "cuda/kernels/index_type.h"
#include "cuda/runtime/device_function.h"
#include "ir/attrs.h"
#include "kernels/index_map.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// The links, in workspace: destination (-1: none), next row with the same one (-1: none), whether none is before.
struct ScatterLinks {
  int64_t* destination;
  int32_t* next;
  int32_t* is_first;

  static int64_t WorkspaceBytes(int64_t rows) {
    return rows * static_cast<int64_t>(sizeof(int64_t) + 2 * sizeof(int32_t));
  }
  static ScatterLinks At(void* workspace, int64_t rows) {
    auto* destination = static_cast<int64_t*>(workspace);
    auto* next = reinterpret_cast<int32_t*>(destination + rows);
    return {destination, next, next + rows};
  }
};

// Row i goes to the place with the coordinates indices[i, 0..depth) in a tensor of these sizes.
struct DestinationParams {
  IndexType index_type;
  int depth;
  int64_t rows;
  int64_t sizes[kMaxMapRank] = {};
};
DeviceFunction<const void*, ScatterLinks, DestinationParams> DestinationFunction();
DeviceFunction<ScatterLinks, int64_t> LinkFunction();  // (links, rows)

// y[destination] = y[destination] op rows, which are [rows, inner].
struct ScatterParams {
  ScatterOp op;
  int64_t elements;  // rows * inner
  Divisor inner;
};
DeviceFunction<const void*, void*, ScatterLinks, ScatterParams> ScatterFunction(DType type);

// y[destination] = the reduction of the rows that go there, accumulated in double (floats) or 64 bits (integers); rows
// of y without any are left as they are.
struct SegmentParams {
  SegmentOp op;
  int64_t elements;
  Divisor inner;
};
DeviceFunction<const void*, void*, ScatterLinks, SegmentParams> SegmentFunction(DType type);

// y[i] = value for all elements of `element_bytes` (1 to 8) low bytes of it.
DeviceFunction<void*, int64_t, uint64_t> FillFunction(int64_t element_bytes);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_SCATTER_H_
