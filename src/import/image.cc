// Image resizing, cropping and colours.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> ImageLowerings() { return {}; }

}  // namespace moulin
