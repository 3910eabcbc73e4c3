// Reductions, arg forms, scans, top-k, segments, histograms.
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> ReductionLowerings() { return {}; }

}  // namespace moulin
