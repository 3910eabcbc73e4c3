#include "ops/linear_algebra_kernels.h"

namespace moulin {

template Status SolveMatricesOf<double>(const KernelContext& c);

}  // namespace moulin
