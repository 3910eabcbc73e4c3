// Lowerings of small rearrangements.
#ifndef MOULIN_IMPORT_UPDATE_H_
#define MOULIN_IMPORT_UPDATE_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> UpdateLowerings();

}  // namespace moulin

#endif  // MOULIN_IMPORT_UPDATE_H_
