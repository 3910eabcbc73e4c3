// The k largest elements of each row of a matrix, with their places; see sort.cu for how.
#ifndef MOULIN_CUDA_KERNELS_SORT_H_
#define MOULIN_CUDA_KERNELS_SORT_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"

namespace moulin::cuda {

// How the bits of an element become a key that is larger the earlier the element comes.
struct KeyCodec {
  enum Kind : int32_t { kUnsigned, kSigned, kFloat };
  Kind kind = kUnsigned;
  uint64_t infinity = 0;  // kFloat: the bits of +infinity; larger magnitudes are NaNs, which come last
  uint64_t least = 0;     // kFloat: the bits of the least magnitude that does not count as zero
};

struct TopKParameters {
  KeyCodec codec;
  int64_t rows = 0;
  int64_t n = 0;       // elements of a row, below 2^32 - 1
  int64_t k = 0;       // <= n
  int64_t padded = 0;  // items of a row in the workspace: a power of two >= k
  int32_t index_bytes = 4;
};

// Rows of at most this many elements are sorted in shared memory, by blocks of this many threads.
inline constexpr int kSortTile = 2048;
inline constexpr int kSortThreads = 512;

// Bytes of an item (key and place) of elements of this size.
constexpr int SortItemBytes(int element_size) { return element_size == 8 ? 16 : 8; }

// All of them by element size (1, 2, 4 or 8).

// A block of 32 to kSortThreads threads a row, of n <= kSortTile: (x, values, indices, parameters).
DeviceFunction<const void*, void*, void*, TopKParameters> SortRowsFunction(int element_size);

// The k first items of each row, in no order, padded with items that come last: (x, items, parameters). A block of
// kSortThreads a row.
DeviceFunction<const void*, void*, TopKParameters> SelectFunction(int element_size);

// Sorts tiles of `tile` items, a power of two <= kSortTile, and every other tile of a row backwards: (items, number of
// items, tile, padded). A block of 32 to kSortThreads threads a tile.
DeviceFunction<void*, int64_t, int64_t, int64_t> SortTilesFunction(int element_size);

// One step of a bitonic merge of runs of `size` items, comparing those `stride` apart: (items, number of items, size,
// stride, padded). No block is a row's.
DeviceFunction<void*, int64_t, int64_t, int64_t, int64_t> MergeStepFunction(int element_size);

// The steps of the same with strides below kSortTile: (items, number of items, size, padded). A block of 32 to
// kSortThreads threads a tile of kSortTile items.
DeviceFunction<void*, int64_t, int64_t, int64_t> MergeTilesFunction(int element_size);

// The first k items of each row as elements and places: (x, items, values, indices, parameters). No block is a row's.
DeviceFunction<const void*, const void*, void*, void*, TopKParameters> StoreTopFunction(int element_size);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_SORT_H_
