// Kernels that move elements and look at none. Elements are of 1, 2, 4, 8 or 16 bytes ("units"), whatever their type:
// rows that are long and aligned enough are moved as if their elements were wider. All strides, sizes and offsets count
// units; a getter gives no function for another size. Addresses are aligned to their unit.
#ifndef MOULIN_CUDA_KERNELS_MOVEMENT_H_
#define MOULIN_CUDA_KERNELS_MOVEMENT_H_

#include <cstdint>

#include "cuda/kernels/divisor.h"
#include "cuda/runtime/device_function.h"
#include "kernels/block_map.h"
#include "kernels/index_map.h"

namespace moulin::cuda {

inline constexpr int kMaxCopyRank = 12;

// y[y_offset + sum of coordinate * y_stride] = x[x_offset + sum of coordinate * x_stride] for all `count` coordinates,
// counted row-major. Strides may be 0 (x) or negative.
struct StridedCopyParams {
  int rank = 0;
  int64_t count = 1;
  int64_t x_offset = 0, y_offset = 0;
  Divisor sizes[kMaxCopyRank];
  int64_t x_strides[kMaxCopyRank] = {};
  int64_t y_strides[kMaxCopyRank] = {};

  void Push(int64_t size, int64_t x_stride, int64_t y_stride) {
    sizes[rank] = Divisor(size);
    x_strides[rank] = x_stride;
    y_strides[rank++] = y_stride;
    count *= size;
  }
};
DeviceFunction<const void*, void*, StridedCopyParams> StridedCopyFunction(int64_t unit_bytes);

// The same where x is contiguous along an axis a, and y along an axis b: tiles of kTransposeTile squared units pass
// through shared memory, so that both sides are read and written in rows. Blocks of kTransposeTile x kTransposeRows
// threads; a block takes every gridDim.x-th tile.
inline constexpr int kTransposeTile = 32;
inline constexpr int kTransposeRows = 8;
struct TransposeParams {
  int64_t a_size, b_size;
  int64_t a_y_stride, b_x_stride;
  Divisor a_tiles, b_tiles;
  int64_t tiles;           // of all
  StridedCopyParams rest;  // the other axes, and the offsets
};
DeviceFunction<const void*, void*, TransposeParams> TransposeFunction(int64_t unit_bytes);

// A matrix of `rows` rows of `row` units, and pieces of its columns, each a matrix by itself: joins the pieces, or
// splits the matrix. Pieces follow each other from column `first` on; `span` is their columns' number.
inline constexpr int kMaxPieces = 32;
struct JoinParams {
  int pieces = 0;
  int64_t rows = 0, row = 0, first = 0;
  Divisor span;
  void* data[kMaxPieces];
  int64_t begin[kMaxPieces + 1];  // columns before each piece, counted from `first`; the last is `span`
};
DeviceFunction<void*, JoinParams> JoinFunction(int64_t unit_bytes);
DeviceFunction<const void*, JoinParams> SplitFunction(int64_t unit_bytes);

// Padding. Coordinates outside x give the `fill_bytes` bytes at `fill`, over and over (zeros where it is null), or are
// mirrored, as kernels/index_map.h's PadMap says.
struct PadParams {
  int rank = 0;
  bool mirror = false;
  int edge = 0;
  int fill_bytes = 0;
  int64_t count = 1;
  Divisor sizes[kMaxCopyRank];  // of y
  int64_t before[kMaxCopyRank] = {};
  int64_t source_sizes[kMaxCopyRank] = {};
  int64_t strides[kMaxCopyRank] = {};

  void Push(int64_t size, int64_t pad_before, int64_t source_size, int64_t stride) {
    sizes[rank] = Divisor(size);
    before[rank] = pad_before;
    source_sizes[rank] = source_size;
    strides[rank++] = stride;
    count *= size;
  }
};
DeviceFunction<const void*, const void*, void*, PadParams> PadFunction(int64_t unit_bytes);

// y[i] = x[map(i)] for i below the count, 0 where map(i) < 0.
DeviceFunction<const void*, void*, int64_t, RollMap> RollFunction(int64_t unit_bytes);
DeviceFunction<const void*, void*, int64_t, SpaceToBatchMap> SpaceToBatchFunction(int64_t unit_bytes);
DeviceFunction<const void*, void*, int64_t, BatchToSpaceMap> BatchToSpaceFunction(int64_t unit_bytes);

// Reverses the first lengths[b] positions of the sequence axis, b being the coordinate on the batch axis. Lengths are
// int32, or int64 where `wide_lengths`; those outside [0, sequence_size] count as the nearest that is inside.
struct ReverseSequenceParams {
  int64_t count;
  Divisor sequence_size, sequence_stride, batch_size, batch_stride;
};
DeviceFunction<const void*, const void*, void*, ReverseSequenceParams> ReverseSequenceFunction(int64_t unit_bytes,
                                                                                               bool wide_lengths);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_MOVEMENT_H_
