// String ops, kept as themselves and run on the host.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> StringLowerings() { return {}; }

}  // namespace moulin
