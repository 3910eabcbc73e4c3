// The kernels of LinearAlgebra, by Eigen.
#ifndef MOULIN_OPS_LINEAR_ALGEBRA_H_
#define MOULIN_OPS_LINEAR_ALGEBRA_H_

#include "ops/op_def.h"

namespace moulin {

// Runs the routine that the attributes name on every innermost matrix of elements of type T; outputs must be allocated.
// E_VALUE where a matrix is not invertible and the routine needs it to be.
// Each type is compiled in a file of its own because Eigen is slow to compile.
template <typename T>
Status SolveMatricesOf(const KernelContext& c);

}  // namespace moulin

#endif  // MOULIN_OPS_LINEAR_ALGEBRA_H_
