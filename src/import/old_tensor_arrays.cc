#include "import/old_tensor_arrays.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace moulin {
namespace {

bool IsOldArray(absl::string_view op) { return op == "TensorArray" || op == "TensorArrayV2"; }

bool UsesOldArray(absl::string_view op) {
  return absl::StartsWith(op, "TensorArray") && !IsOldArray(op) && !absl::EndsWith(op, "V3");
}

// Whether a node hands its first input on.
bool PassesOn(absl::string_view op) {
  constexpr absl::string_view kOps[] = {"Identity", "Enter", "Exit", "Merge", "Switch"};
  if (absl::StartsWith(op, "Ref")) op.remove_prefix(3);
  for (const absl::string_view name : kOps) {
    if (op == name) return true;
  }
  return false;
}

absl::string_view NodeOf(absl::string_view input) { return input.substr(0, input.rfind(':')); }

class Threader {
 public:
  explicit Threader(tf::GraphDef* graph) {
    for (tf::NodeDef& node : *graph->mutable_node()) nodes_[node.name()] = &node;
  }

  // Leads the flow that `node` reads back to where it begins, and lets it begin with the array.
  void Thread(tf::NodeDef* node) {
    const int flow = LastData(*node);
    if (flow < 1) return;
    const auto [holder, handle] = Origin(node, 0);
    const tf::NodeDef* array = Producer(holder->input(handle));
    if (array == nullptr || !IsOldArray(array->op())) return;
    const auto [reader, input] = Origin(node, flow);
    const tf::NodeDef* source = Producer(reader->input(input));
    if (source == nullptr || source->op() != "Const") return;
    reader->set_input(input, absl::StrCat(array->name(), ":1"));
  }

 private:
  static int LastData(const tf::NodeDef& node) {
    int last = node.input_size() - 1;
    while (last >= 0 && absl::StartsWith(node.input(last), "^")) --last;
    return last;
  }

  tf::NodeDef* Producer(absl::string_view input) const {
    const auto it = nodes_.find(NodeOf(input));
    return it == nodes_.end() ? nullptr : it->second;
  }

  // The node and its input by which what `node` reads comes in, behind all that only hand it on.
  std::pair<tf::NodeDef*, int> Origin(tf::NodeDef* node, int input) const {
    std::pair<tf::NodeDef*, int> at = {node, input};
    absl::flat_hash_set<const tf::NodeDef*> seen;
    for (;;) {
      tf::NodeDef* next = Producer(at.first->input(at.second));
      if (next == nullptr || !PassesOn(next->op()) || LastData(*next) < 0 || !seen.insert(next).second) return at;
      at = {next, 0};
    }
  }

  absl::flat_hash_map<absl::string_view, tf::NodeDef*> nodes_;
};

}  // namespace

void BeginFlowsWithArrays(tf::GraphDef* graph) {
  bool has_arrays = false;
  for (const tf::NodeDef& node : graph->node()) has_arrays = has_arrays || IsOldArray(node.op());
  if (!has_arrays) return;
  Threader threader(graph);
  for (tf::NodeDef& node : *graph->mutable_node()) {
    if (UsesOldArray(node.op())) threader.Thread(&node);
  }
}

}  // namespace moulin
