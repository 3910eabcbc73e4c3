// Lookup tables that the graph itself fills from constants. A table stands for two values, its keys and its values:
// FlatGraph::Inputs gives the table's node those of the node that fills it, and readers of the table get both. So do
// mutable tables that one node fills with constants, and that nothing changes any more.
#include "import/kept.h"
#include "import/op_signature.h"
#include "ops/host_op.h"

namespace moulin {
namespace {

void LowerTable(LoweringContext& c) {
  if (c.num_inputs() != 2) {
    c.Unsupported("nothing in the graph fills this table");
    return;
  }
  const bool is_constant = c.b.constant(c.input(0)) != nullptr && c.b.constant(c.input(1)) != nullptr;
  if (IsMutableTable(c.op()) && !is_constant) {
    c.Unsupported("what fills this table is no constant, and a request leaves nothing behind for the next");
    return;
  }
  c.Output(c.input(0));
  c.Output(c.input(1));
}

// The inputs: the table's keys and values, then those of the op.
void LowerReader(LoweringContext& c) {
  HostOpAttrs attrs;
  attrs.op = c.op() == "LookupTableFind"   ? "LookupTableFindV2"
             : c.op() == "LookupTableSize" ? "LookupTableSizeV2"
                                           : c.op();
  attrs.output_types = {attrs.op == "LookupTableSizeV2" ? DType::kInt64 : c.dtype(1)};
  c.Outputs(c.b.AddMulti(OpKind::kHostOp, std::move(attrs), c.inputs()));
}

constexpr OpLowering kLookupLowerings[] = {
    {"HashTable", 0, 2, LowerTable},        {"HashTableV2", 0, 2, LowerTable},
    {"MutableHashTable", 0, 2, LowerTable}, {"MutableHashTableV2", 0, 2, LowerTable},
    {"LookupTableFind", 4, 4, LowerReader}, {"LookupTableFindV2", 4, 4, LowerReader},
    {"LookupTableSize", 2, 2, LowerReader}, {"LookupTableSizeV2", 2, 2, LowerReader},
};

}  // namespace

bool IsMutableTable(absl::string_view op) { return op == "MutableHashTable" || op == "MutableHashTableV2"; }

bool IsLookupTable(absl::string_view op) { return op == "HashTable" || op == "HashTableV2" || IsMutableTable(op); }

bool ReadsLookupTable(absl::string_view op) {
  return op == "LookupTableFind" || op == "LookupTableFindV2" || op == "LookupTableSize" || op == "LookupTableSizeV2";
}

bool FillsLookupTable(absl::string_view op) {
  return op == "InitializeTable" || op == "InitializeTableV2" || op == "LookupTableImport" ||
         op == "LookupTableImportV2" || op == "LookupTableInsert" || op == "LookupTableInsertV2";
}

bool EmptiesLookupTable(absl::string_view op) { return op == "LookupTableRemoveV2"; }

bool FillsFromFile(absl::string_view op) {
  return op == "InitializeTableFromTextFile" || op == "InitializeTableFromTextFileV2";
}

absl::Span<const OpLowering> LookupLowerings() { return kLookupLowerings; }

}  // namespace moulin
