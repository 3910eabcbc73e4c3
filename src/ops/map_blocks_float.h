// The loops over float and double; instantiated in map_blocks_float32.cc and map_blocks_float64.cc.
#ifndef MOULIN_OPS_MAP_BLOCKS_FLOAT_H_
#define MOULIN_OPS_MAP_BLOCKS_FLOAT_H_

#include "ops/map_blocks.h"

namespace moulin {
namespace internal {

template <typename T>
void BetaincBlock(const void* const* args, void* out, int n) {
  const auto* a = static_cast<const T*>(args[0]);
  const auto* b = static_cast<const T*>(args[1]);
  const auto* x = static_cast<const T*>(args[2]);
  auto* y = static_cast<T*>(out);
  for (int i = 0; i < n; ++i) y[i] = scalar::Betainc(a[i], b[i], x[i]);
}

}  // namespace internal

template <typename T>
BlockFn FindFloatBlock(ExprOp op) {
  switch (op) {
    MOULIN_FLOAT_UNARY_OPS(MOULIN_UNARY_CASE)
    MOULIN_FLOAT_TESTS(MOULIN_UNARY_CASE)
    MOULIN_FLOAT_BINARY_OPS(MOULIN_BINARY_CASE)
    MOULIN_COMPARISONS(MOULIN_BINARY_CASE)
    case ExprOp::kComplex:
      return &internal::BinaryBlock<ExprOp::kComplex, T>;
    case ExprOp::kBetainc:
      return &internal::BetaincBlock<T>;
    default:
      return nullptr;
  }
}

}  // namespace moulin

#endif  // MOULIN_OPS_MAP_BLOCKS_FLOAT_H_
