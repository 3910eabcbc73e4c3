// Block cells of recurrent networks.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> RecurrentLowerings() { return {}; }

}  // namespace moulin
