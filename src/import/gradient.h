// Lowerings of ops that gradients are made of, which graphs of attributions and adversarial examples hold.
#ifndef MOULIN_IMPORT_GRADIENT_H_
#define MOULIN_IMPORT_GRADIENT_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> GradientLowerings();           // gradient.cc: elementwise, broadcasts, slices
absl::Span<const OpLowering> ConvGradientLowerings();       // conv_gradient.cc: of filters
absl::Span<const OpLowering> PoolGradientLowerings();       // pool_gradient.cc
absl::Span<const OpLowering> ResizeGradientLowerings();     // resize_gradient.cc: also LRN, mirrors, tiles
absl::Span<const OpLowering> ReductionGradientLowerings();  // reduction_gradient.cc: batch norm, chosen rows

}  // namespace moulin

#endif  // MOULIN_IMPORT_GRADIENT_H_
