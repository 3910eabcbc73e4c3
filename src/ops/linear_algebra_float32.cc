#include "ops/linear_algebra_kernels.h"

namespace moulin {

template Status SolveMatricesOf<float>(const KernelContext& c);

}  // namespace moulin
