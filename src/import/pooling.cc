// Pooling.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> PoolingLowerings() { return {}; }

}  // namespace moulin
