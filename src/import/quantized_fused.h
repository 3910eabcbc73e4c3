// Lowerings of the fused products on quantised tensors.
#ifndef MOULIN_IMPORT_QUANTIZED_FUSED_H_
#define MOULIN_IMPORT_QUANTIZED_FUSED_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> QuantizedFusedLowerings();

// A product of 8-bit operands, the second of them signed, by what the op's name says.
void LowerQuantizedProduct(LoweringContext& c);

}  // namespace moulin

#endif  // MOULIN_IMPORT_QUANTIZED_FUSED_H_
