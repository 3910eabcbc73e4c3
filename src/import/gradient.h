// Lowerings of ops that gradients are made of, which graphs of attributions and adversarial examples hold.
#ifndef MOULIN_IMPORT_GRADIENT_H_
#define MOULIN_IMPORT_GRADIENT_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> GradientLowerings();

}  // namespace moulin

#endif  // MOULIN_IMPORT_GRADIENT_H_
