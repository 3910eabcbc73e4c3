// Nodes that are lowered when more is known than at import.
#ifndef MOULIN_IMPORT_DEFERRED_H_
#define MOULIN_IMPORT_DEFERRED_H_

#include "base/limits.h"
#include "import/lowering.h"
#include "ir/attrs.h"

namespace moulin {

// The attributes of the node that takes the place of `def`, whose lowering by `row` waits for what `context` says.
// E_UNSUPPORTED where the types of its outputs cannot be told.
StatusOr<DeferredAttrs> DeferredNode(const tf::NodeDef& def, const OpLowering& row, const LoweringContext& context,
                                     const Limits& limits);

}  // namespace moulin

#endif  // MOULIN_IMPORT_DEFERRED_H_
