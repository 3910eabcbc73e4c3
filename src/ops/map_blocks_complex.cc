#include "ops/map_blocks.h"

namespace moulin {

template <typename F>
BlockFn FindComplexBlock(ExprOp op) {
  using T = std::complex<F>;
  switch (op) {
    MOULIN_COMPLEX_UNARY_OPS(MOULIN_UNARY_CASE)
    MOULIN_COMPLEX_BINARY_OPS(MOULIN_BINARY_CASE)
    MOULIN_BINARY_CASE(Equal)
    MOULIN_BINARY_CASE(NotEqual)
    MOULIN_UNARY_CASE(Real)
    MOULIN_UNARY_CASE(Imag)
    MOULIN_UNARY_CASE(Angle)
    MOULIN_UNARY_CASE(ComplexAbs)
    default:
      return nullptr;
  }
}

template BlockFn FindComplexBlock<float>(ExprOp op);
template BlockFn FindComplexBlock<double>(ExprOp op);

}  // namespace moulin
