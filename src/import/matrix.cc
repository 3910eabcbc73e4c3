// Band parts and diagonals.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> MatrixLowerings() { return {}; }

}  // namespace moulin
