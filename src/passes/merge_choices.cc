// Choices by the same index that do not hang on each other become one, with the results of all: what their branches
// share is then computed once. The importer makes a choice of each Merge of TensorFlow 1, however many end one cond.
// Tests: tests/passes/merge_choices_test.cc.
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "ops/graph_builder.h"
#include "passes/pass.h"
#include "passes/regions.h"

namespace moulin {
namespace {

// Sets of groups, as bits; choices beyond the first groups stay as they are.
using Groups = uint64_t;
constexpr size_t kMaxGroups = 64;

// Finds which choices can be made one: none of a group may hang on another of it, nor may two groups hang on each
// other.
class Grouper {
 public:
  explicit Grouper(const Graph& graph) : graph_(graph), reads_(graph.num_values(), 0) {}

  // The nodes of each group, in order.
  std::vector<std::vector<NodeId>> Run() {
    std::map<std::pair<ValueId, size_t>, int> count;
    for (const Node& node : graph_.nodes()) {
      if (node.kind == OpKind::kCase) ++count[KeyOf(node)];
    }
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      Groups reads = 0;
      for (const ValueId v : node.inputs) reads |= reads_[v];
      if (node.kind == OpKind::kCase && count[KeyOf(node)] > 1) reads |= Place(id, reads);
      for (const ValueId v : node.outputs) reads_[v] = reads;
    }
    return groups_;
  }

 private:
  static std::pair<ValueId, size_t> KeyOf(const Node& node) {
    return {node.inputs[0], node.attr<CaseAttrs>().branches.size()};
  }

  // Puts a choice, which hangs on the groups in `reads`, into a group; gives what its results hang on.
  Groups Place(NodeId id, Groups reads) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (KeyOf(graph_.node(groups_[g].front())) != KeyOf(graph_.node(id))) continue;
      if (HangsOn(reads, g)) continue;
      groups_[g].push_back(id);
      AddNeeds(g, reads);
      return Bit(g) | needs_[g];
    }
    if (groups_.size() == kMaxGroups) return 0;
    groups_.push_back({id});
    needs_.push_back(0);
    AddNeeds(groups_.size() - 1, reads);
    return Bit(groups_.size() - 1) | needs_.back();
  }

  static Groups Bit(size_t g) { return Groups{1} << g; }

  bool HangsOn(Groups reads, size_t g) const {
    if ((reads & Bit(g)) != 0) return true;
    for (size_t other = 0; other < needs_.size(); ++other) {
      if ((reads & Bit(other)) != 0 && (needs_[other] & Bit(g)) != 0) return true;
    }
    return false;
  }

  // Group g hangs on these too, and with it all that hang on g.
  void AddNeeds(size_t g, Groups reads) {
    Groups all = reads;
    for (size_t other = 0; other < needs_.size(); ++other) {
      if ((reads & Bit(other)) != 0) all |= needs_[other];
    }
    for (size_t other = 0; other < needs_.size(); ++other) {
      if (other == g || (needs_[other] & Bit(g)) != 0) needs_[other] |= all;
    }
  }

  const Graph& graph_;
  std::vector<Groups> reads_;  // by value: the groups that it hangs on
  std::vector<std::vector<NodeId>> groups_;
  std::vector<Groups> needs_;  // by group: those that it hangs on
};

// The operands of all these choices but the index, each once: what two of them read must be one argument, or the work
// that they share could not be seen to be the same.
std::vector<ValueId> JoinedOperands(const Graph& graph, absl::Span<const NodeId> choices) {
  std::vector<ValueId> operands;
  absl::flat_hash_set<ValueId> seen;
  for (const NodeId id : choices) {
    for (const ValueId v : absl::MakeConstSpan(graph.node(id).inputs).subspan(1)) {
      if (seen.insert(v).second) operands.push_back(v);
    }
  }
  return operands;
}

// The branches number `branch` of several choices as one graph.
StatusOr<std::shared_ptr<const Graph>> JoinBranches(const Graph& graph, absl::Span<const NodeId> choices, size_t branch,
                                                    absl::Span<const ValueId> operands, const PassOptions& options) {
  auto joined = std::make_shared<Graph>();
  joined->name = graph.node(choices[0]).attr<CaseAttrs>().branches[branch]->name;
  joined->precision = graph.precision;
  GraphBuilder builder(joined.get(), options.limits);
  absl::flat_hash_map<ValueId, ValueId> argument;
  for (const ValueId v : operands) argument[v] = joined->AddInput(graph.value(v).name(), graph.value(v).type);
  std::vector<ValueId> results;
  for (const NodeId id : choices) {
    const Node& node = graph.node(id);
    std::vector<ValueId> args;
    for (size_t i = 1; i < node.inputs.size(); ++i) args.push_back(argument[node.inputs[i]]);
    for (const ValueId v : InlineRegion(*node.attr<CaseAttrs>().branches[branch], args, &builder)) results.push_back(v);
  }
  MOULIN_RETURN_IF_ERROR(builder.status());
  for (size_t i = 0; i < results.size(); ++i) joined->AddOutput(absl::StrCat("result ", i), results[i]);
  MOULIN_RETURN_IF_ERROR(joined->Compact());
  return std::shared_ptr<const Graph>(std::move(joined));
}

Status Join(Graph* graph, absl::Span<const NodeId> choices, const PassOptions& options,
            std::vector<std::pair<ValueId, ValueId>>* replacements) {
  const Node first = graph->node(choices[0]);  // a copy, for nodes are added
  std::vector<ValueId> inputs = JoinedOperands(*graph, choices), outputs;
  CaseAttrs attrs;
  for (size_t b = 0; b < first.attr<CaseAttrs>().branches.size(); ++b) {
    MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<const Graph> branch, JoinBranches(*graph, choices, b, inputs, options));
    attrs.branches.push_back(std::move(branch));
  }
  inputs.insert(inputs.begin(), first.inputs[0]);
  for (const NodeId id : choices) {
    const auto& of_node = graph->node(id).outputs;
    outputs.insert(outputs.end(), of_node.begin(), of_node.end());
  }
  GraphBuilder builder(graph, options.limits);
  builder.SetOrigin(first.name, first.tf_op);
  const std::vector<ValueId> joined = builder.AddMulti(OpKind::kCase, std::move(attrs), inputs);
  MOULIN_RETURN_IF_ERROR(builder.status());
  for (size_t i = 0; i < joined.size(); ++i) replacements->emplace_back(outputs[i], joined[i]);
  return absl::OkStatus();
}

}  // namespace

StatusOr<bool> MergeChoices(Graph* graph, const PassOptions& options) {
  std::vector<std::pair<ValueId, ValueId>> replacements;
  for (const std::vector<NodeId>& choices : Grouper(*graph).Run()) {
    if (choices.size() > 1) MOULIN_RETURN_IF_ERROR(Join(graph, choices, options, &replacements));
  }
  if (replacements.empty()) return false;
  graph->ReplaceAll(replacements);
  MOULIN_RETURN_IF_ERROR(graph->Compact());
  return true;
}

}  // namespace moulin
