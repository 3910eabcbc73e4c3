// Lowerings of sparse and ragged tensors.
#ifndef MOULIN_IMPORT_SPARSE_H_
#define MOULIN_IMPORT_SPARSE_H_

#include "absl/types/span.h"
#include "import/lowering.h"

namespace moulin {

absl::Span<const OpLowering> SparseLowerings();

}  // namespace moulin

#endif  // MOULIN_IMPORT_SPARSE_H_
