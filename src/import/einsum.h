// Einsum, of one or two operands, as transpositions, sums and one Contract.
#ifndef MOULIN_IMPORT_EINSUM_H_
#define MOULIN_IMPORT_EINSUM_H_

#include "import/lowering.h"

namespace moulin {

// The attribute `equation` with ellipses, repeated labels (diagonals) and labels that are summed over. E_ATTR where the
// equation is malformed or does not fit the operands' ranks.
void LowerEinsum(LoweringContext& c);

}  // namespace moulin

#endif  // MOULIN_IMPORT_EINSUM_H_
