// Maps from the number of an element of a result to that of the element of the operand it comes from, both in row-major
// order. Data movement on host and device is `y[i] = x[map(i)]` for every i; the maps are plain data, passed by value.
#ifndef MOULIN_KERNELS_INDEX_MAP_H_
#define MOULIN_KERNELS_INDEX_MAP_H_

#include <cstdint>

#include "kernels/hd.h"

namespace moulin {

inline constexpr int kMaxMapRank = 12;

// Transposition, slicing, broadcasting and reversal: source = offset + sum over the axes of coordinate * stride.
// sizes are those of the result; a stride may be 0 or negative.
struct StridedMap {
  int rank = 0;
  int64_t sizes[kMaxMapRank] = {};
  int64_t strides[kMaxMapRank] = {};
  int64_t offset = 0;

  MOULIN_HD void Push(int64_t size, int64_t stride) {
    sizes[rank] = size;
    strides[rank++] = stride;
  }
  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = offset;
    for (int d = rank - 1; d >= 0; --d) {
      source += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return source;
  }
};

// Tiling: every coordinate is taken modulo the operand's size.
struct TileMap {
  int rank = 0;
  int64_t sizes[kMaxMapRank] = {};    // of the result
  int64_t periods[kMaxMapRank] = {};  // of the operand
  int64_t strides[kMaxMapRank] = {};

  MOULIN_HD void Push(int64_t size, int64_t period, int64_t stride) {
    sizes[rank] = size;
    periods[rank] = period;
    strides[rank++] = stride;
  }
  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = 0;
    for (int d = rank - 1; d >= 0; --d) {
      source += i % sizes[d] % periods[d] * strides[d];
      i /= sizes[d];
    }
    return source;
  }
};

// Padding: coordinates are shifted; those outside the operand give -1 (a constant is to be stored) or are mirrored at
// its edges, the edge itself being repeated (symmetric, edge = 1) or not (reflect, edge = 0).
struct PadMap {
  int rank = 0;
  bool mirror = false;
  int edge = 0;
  int64_t sizes[kMaxMapRank] = {};         // of the result
  int64_t before[kMaxMapRank] = {};        // elements in front of the operand
  int64_t source_sizes[kMaxMapRank] = {};  // of the operand
  int64_t strides[kMaxMapRank] = {};

  MOULIN_HD void Push(int64_t size, int64_t pad_before, int64_t source_size, int64_t stride) {
    sizes[rank] = size;
    before[rank] = pad_before;
    source_sizes[rank] = source_size;
    strides[rank++] = stride;
  }
  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = 0;
    for (int d = rank - 1; d >= 0; --d) {
      int64_t at = i % sizes[d] - before[d];
      i /= sizes[d];
      if (at < 0 || at >= source_sizes[d]) {
        if (!mirror) return -1;
        at = at < 0 ? -at - edge : 2 * source_sizes[d] - 2 + edge - at;
      }
      source += at * strides[d];
    }
    return source;
  }
};

// Cyclic shift: the element at coordinate k comes from k - shift, modulo the size. Shifts lie in [0, size).
struct RollMap {
  int rank = 0;
  int64_t sizes[kMaxMapRank] = {};
  int64_t shifts[kMaxMapRank] = {};

  MOULIN_HD void Push(int64_t size, int64_t shift) {
    sizes[rank] = size;
    shifts[rank++] = shift;
  }
  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = 0;
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; --d) {
      source += (i % sizes[d] - shifts[d] + sizes[d]) % sizes[d] * stride;
      stride *= sizes[d];
      i /= sizes[d];
    }
    return source;
  }
};

// Reverses the first lengths[b] positions of the sequence axis, b being the coordinate on the batch axis.
template <typename Length>
struct ReverseSequenceMap {
  const Length* lengths;
  int64_t sequence_size, sequence_stride;
  int64_t batch_size, batch_stride;

  MOULIN_HD int64_t operator()(int64_t i) const {
    const int64_t at = i / sequence_stride % sequence_size;
    const int64_t length = static_cast<int64_t>(lengths[i / batch_stride % batch_size]);
    return at < length ? i + (length - 1 - 2 * at) * sequence_stride : i;
  }
};

}  // namespace moulin

#endif  // MOULIN_KERNELS_INDEX_MAP_H_
