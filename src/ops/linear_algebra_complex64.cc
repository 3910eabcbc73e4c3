#include "ops/linear_algebra_kernels.h"

namespace moulin {

template Status SolveMatricesOf<std::complex<float>>(const KernelContext& c);

}  // namespace moulin
