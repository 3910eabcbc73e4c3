// Fake quantisation, quantise and dequantise.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> QuantizationLowerings() { return {}; }

}  // namespace moulin
