// Ops kept as themselves (OpKind::kHostOp), which run on the host.
#ifndef MOULIN_IMPORT_KEPT_H_
#define MOULIN_IMPORT_KEPT_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "import/lowering.h"
#include "ir/attrs.h"

namespace moulin {

// Keeps the op with its attributes and the outputs that its signature says. Lists are kept element by element under
// their name, shapes as text (ops/host_op.h).
void LowerKept(LoweringContext& c);

// The attributes of a node, in the order of their names.
HostOpAttrs KeptAttrs(const LoweringContext& c);

// A row for each op that has a kernel of the host.
std::vector<OpLowering> KeptLowerings();

absl::Span<const OpLowering> LookupLowerings();      // lookup.cc: tables that the graph itself fills
absl::Span<const OpLowering> TensorListLowerings();  // tensor_list.cc: TensorLists and TensorArrays

// Whether nodes of this op are lookup tables that a graph may fill (mutable ones more than once), read one (as input
// 0), fill one with the keys and values that are inputs 1 and 2, or fill one from the file that input 1 names.
bool IsLookupTable(absl::string_view op);
bool IsMutableTable(absl::string_view op);
bool ReadsLookupTable(absl::string_view op);
bool FillsLookupTable(absl::string_view op);
bool EmptiesLookupTable(absl::string_view op);  // takes keys out of it
bool FillsFromFile(absl::string_view op);

}  // namespace moulin

#endif  // MOULIN_IMPORT_KEPT_H_
