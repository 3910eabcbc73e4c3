// The loops over integers; instantiated in map_blocks_int.cc and map_blocks_uint.cc.
#ifndef MOULIN_OPS_MAP_BLOCKS_INT_H_
#define MOULIN_OPS_MAP_BLOCKS_INT_H_

#include "ops/map_blocks.h"

namespace moulin {

template <typename T>
BlockFn FindIntBlock(ExprOp op) {
  switch (op) {
    MOULIN_INT_UNARY_OPS(MOULIN_UNARY_CASE)
    MOULIN_INT_BINARY_OPS(MOULIN_BINARY_CASE)
    MOULIN_COMPARISONS(MOULIN_BINARY_CASE)
    case ExprOp::kPopCount:
      return &internal::UnaryBlock<ExprOp::kPopCount, T>;
    default:
      return nullptr;
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_MAP_BLOCKS_INT_H_
