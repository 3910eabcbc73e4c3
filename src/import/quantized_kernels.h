// Lowerings of ops on quantised tensors.
#ifndef MOULIN_IMPORT_QUANTIZED_KERNELS_H_
#define MOULIN_IMPORT_QUANTIZED_KERNELS_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> QuantizedKernelLowerings();
absl::Span<const OpLowering> QuantizedArithmeticLowerings();  // quantized_arithmetic.cc

}  // namespace moulin

#endif  // MOULIN_IMPORT_QUANTIZED_KERNELS_H_
