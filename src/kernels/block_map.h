// Maps (kernels/index_map.h) between blocks of space and the batch. Tensors are [batch, axes..., inner]; a position
// within a block, row-major over the axes, is the outer part of the larger batch's number.
#ifndef MOULIN_KERNELS_BLOCK_MAP_H_
#define MOULIN_KERNELS_BLOCK_MAP_H_

#include <cstdint>

#include "kernels/hd.h"
#include "kernels/index_map.h"

namespace moulin {

struct BlockAxes {
  int count = 0;
  int64_t batch = 1;  // the smaller one: of the tensor whose blocks are spread over the batch
  int64_t inner = 1;  // elements an innermost position
  int64_t block[kMaxMapRank] = {};
  int64_t before[kMaxMapRank] = {};  // padding added, or elements cropped, in front
  int64_t space[kMaxMapRank] = {};   // sizes of the tensor with the smaller batch
  int64_t blocks[kMaxMapRank] = {};  // sizes of the tensor with the larger batch

  MOULIN_HD void Push(int64_t block_size, int64_t in_front, int64_t space_size, int64_t num_blocks) {
    block[count] = block_size;
    before[count] = in_front;
    space[count] = space_size;
    blocks[count++] = num_blocks;
  }
};

// From an element of the result (larger batch) to one of the operand; -1 in the padding.
struct SpaceToBatchMap {
  BlockAxes a;

  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = i % a.inner;
    int64_t stride = a.inner;
    i /= a.inner;
    int64_t all_blocks = 1;
    for (int d = 0; d < a.count; ++d) all_blocks *= a.blocks[d];
    int64_t in_block = i / all_blocks / a.batch;  // number of the position in its block
    for (int d = a.count - 1; d >= 0; --d) {
      const int64_t at = i % a.blocks[d] * a.block[d] + in_block % a.block[d] - a.before[d];
      if (at < 0 || at >= a.space[d]) return -1;
      source += at * stride;
      stride *= a.space[d];
      in_block /= a.block[d];
      i /= a.blocks[d];
    }
    return source + i % a.batch * stride;
  }
};

// From an element of the result (smaller batch) to one of the operand.
struct BatchToSpaceMap {
  BlockAxes a;

  MOULIN_HD int64_t operator()(int64_t i) const {
    int64_t source = i % a.inner;
    int64_t stride = a.inner;
    i /= a.inner;
    int64_t in_block = 0;
    int64_t in_block_stride = 1;
    for (int d = a.count - 1; d >= 0; --d) {
      const int64_t at = i % a.space[d] + a.before[d];
      source += at / a.block[d] * stride;
      stride *= a.blocks[d];
      in_block += at % a.block[d] * in_block_stride;
      in_block_stride *= a.block[d];
      i /= a.space[d];
    }
    return source + (in_block * a.batch + i) * stride;
  }
};

}  // namespace moulin

#endif  // MOULIN_KERNELS_BLOCK_MAP_H_
