// What fills the lookup tables of a graph.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/flat_graph.h"
#include "import/kept.h"

namespace moulin {
namespace {

constexpr int kFilledTwice = -1;  // in place of the node: more than one changes what is in the table

}  // namespace

// Whether each function has a node that fills a table, in itself or in one that it calls.
std::vector<bool> FlatGraph::FunctionsThatFill() const {
  std::vector<std::vector<int>> callers(library_.size());
  std::vector<int> to_visit;
  for (int id = 0; id < library_.size(); ++id) {
    for (const tf::NodeDef& node : library_.function(id).def->node_def()) {
      const bool changes = FillsLookupTable(node.op()) || FillsFromFile(node.op()) || EmptiesLookupTable(node.op());
      if (changes) to_visit.push_back(id);
      for (const int callee : library_.FunctionsOf(node)) callers[callee].push_back(id);
    }
  }
  std::vector<bool> filling(library_.size(), false);
  while (!to_visit.empty()) {
    const int id = to_visit.back();
    to_visit.pop_back();
    if (filling[id]) continue;
    filling[id] = true;
    to_visit.insert(to_visit.end(), callers[id].begin(), callers[id].end());
  }
  return filling;
}

// Tables that share a name are one table.
std::string FlatGraph::TableKey(int table) const {
  const auto& attrs = def(table).attr();
  const auto shared = attrs.find("shared_name");
  if (shared != attrs.end() && !shared->second.s().empty()) return absl::StrCat("name ", shared->second.s());
  return absl::StrCat("node ", table);
}

// TensorFlow 2 fills a table in a function that the graph's initialiser calls: of the calls, those are opened whose
// function has such a node, in itself or in what it calls.
Status FlatGraph::IndexFillers() {
  fillers_indexed_ = true;
  const std::vector<bool> filling = FunctionsThatFill();
  const auto calls_one = [&](int node) {
    const std::vector<int> functions = library_.FunctionsOf(def(node));
    return std::any_of(functions.begin(), functions.end(), [&](int f) { return filling[f]; });
  };
  std::vector<std::pair<int, int>> ranges = {{0, num_graph_nodes()}};  // of nodes still to look at
  while (!ranges.empty()) {
    const auto [first, end] = ranges.back();
    ranges.pop_back();
    for (int i = first; i < end; ++i) {
      if (calls_one(i)) {
        MOULIN_ASSIGN_OR_RETURN(const auto opened, OpenedBy(i));
        if (opened.first < opened.second) ranges.push_back(opened);
      } else {
        MOULIN_RETURN_IF_ERROR(IndexFiller(i));
      }
    }
  }
  return absl::OkStatus();
}

// The nodes of what node `call` calls; none where that is no function.
StatusOr<std::pair<int, int>> FlatGraph::OpenedBy(int call) {
  if (nodes_[call].opened < 0) {
    const StatusOr<int> callee = library_.CalleeOf(def(call));
    if (!callee.ok()) return At(callee.status(), call);
    if (*callee < 0) return std::pair(0, 0);
    const StatusOr<int> opened = OpenScope(call, *callee);
    if (!opened.ok()) return At(opened.status(), call);
  }
  const Scope& scope = scopes_[nodes_[call].opened];
  return std::pair(scope.first_node, scope.first_node + library_.function(scope.function).def->node_def_size());
}

Status FlatGraph::IndexFiller(int node) {
  const bool empties = EmptiesLookupTable(def(node).op()) && def(node).input_size() >= 1;
  const bool is_filler = FillsFromFile(def(node).op())
                             ? def(node).input_size() >= 2
                             : FillsLookupTable(def(node).op()) && def(node).input_size() >= 3;
  if (!is_filler && !empties) return absl::OkStatus();
  std::vector<FlatRef> table;
  MOULIN_RETURN_IF_ERROR(AppendInput(node, def(node).input(0), &table));
  if (!IsLookupTable(def(table[0].node).op())) return absl::OkStatus();
  const auto [first, is_first] = fillers_.emplace(TableKey(table[0].node), node);
  if (empties || (!is_first && IsMutableTable(def(table[0].node).op()))) first->second = kFilledTwice;
  filled_.emplace(node, table[0].node);
  return absl::OkStatus();
}

Status FlatGraph::AppendTableInputs(int table, std::vector<FlatRef>* inputs) {
  if (!fillers_indexed_) MOULIN_RETURN_IF_ERROR(IndexFillers());
  const auto it = fillers_.find(TableKey(table));
  if (it == fillers_.end()) return absl::OkStatus();
  if (it->second == kFilledTwice) {
    return At(MakeError(ErrorCode::kUnsupported,
                        "expected one node that fills this mutable table, found several that change it"),
              table);
  }
  if (FillsFromFile(def(it->second).op())) {  // such a node gives the keys and values that it reads
    inputs->push_back({it->second, 0});
    inputs->push_back({it->second, 1});
    return absl::OkStatus();
  }
  for (const int i : {1, 2}) MOULIN_RETURN_IF_ERROR(AppendInput(it->second, def(it->second).input(i), inputs));
  return absl::OkStatus();
}

}  // namespace moulin
