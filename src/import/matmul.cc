// Matrix products.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> MatmulLowerings() { return {}; }

}  // namespace moulin
