// What fills the lookup tables of a graph.
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "import/flat_graph.h"
#include "import/kept.h"

namespace moulin {

// Tables that share a name are one table.
std::string FlatGraph::TableKey(int table) const {
  const auto& attrs = def(table).attr();
  const auto shared = attrs.find("shared_name");
  if (shared != attrs.end() && !shared->second.s().empty()) return absl::StrCat("name ", shared->second.s());
  return absl::StrCat("node ", table);
}

Status FlatGraph::IndexFillers() {
  fillers_indexed_ = true;
  for (int i = 0; i < num_graph_nodes(); ++i) {
    if (!FillsLookupTable(def(i).op()) || def(i).input_size() < 3) continue;
    std::vector<FlatRef> table;
    MOULIN_RETURN_IF_ERROR(AppendInput(i, def(i).input(0), &table));
    if (IsLookupTable(def(table[0].node).op())) fillers_.emplace(TableKey(table[0].node), i);
  }
  return absl::OkStatus();
}

Status FlatGraph::AppendTableInputs(int table, std::vector<FlatRef>* inputs) {
  if (!fillers_indexed_) MOULIN_RETURN_IF_ERROR(IndexFillers());
  const auto it = fillers_.find(TableKey(table));
  if (it == fillers_.end()) return absl::OkStatus();
  for (const int i : {1, 2}) MOULIN_RETURN_IF_ERROR(AppendInput(it->second, def(it->second).input(i), inputs));
  return absl::OkStatus();
}

}  // namespace moulin
