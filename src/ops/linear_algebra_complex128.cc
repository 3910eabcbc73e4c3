#include "ops/linear_algebra_kernels.h"

namespace moulin {

template Status SolveMatricesOf<std::complex<double>>(const KernelContext& c);

}  // namespace moulin
