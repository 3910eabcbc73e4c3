// Factorisations, solves, determinants of the innermost matrices.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> LinearAlgebraLowerings() { return {}; }

}  // namespace moulin
