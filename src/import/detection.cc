// Non-maximum suppression.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> DetectionLowerings() { return {}; }

}  // namespace moulin
