// Takes choices and loops apart as far as can be told before they run.
//
//   * A choice by a constant becomes the branch that it takes.
//   * A loop whose number of iterations follows from constants and shapes, and is not large, becomes its iterations one
//     after another: what differs between them (the index of an element...) is then constant, and the whole has one
//     plan. Shapes are known when the graph is specialised, so that loops over the steps of a sequence go too.
//   * Arguments that are constants become constants of the graphs within the node, where weights are packed once and
//     fused; those that nobody reads go.
#include <algorithm>
#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/control.h"
#include "passes/pass.h"
#include "passes/regions.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

constexpr int kMaxIterations = 1024;
constexpr int64_t kMaxNodes = 20'000;   // that one loop may become
constexpr int64_t kMaxGraph = 100'000;  // beyond that, a graph is not made larger
constexpr int kMaxRounds = 16;          // loops within loops within branches...

int64_t CountNodes(const Graph& graph);

int64_t CountNodes(const Attrs& attrs) {
  if (const auto* loop = std::get_if<WhileAttrs>(&attrs)) return CountNodes(*loop->condition) + CountNodes(*loop->body);
  int64_t count = 0;
  if (const auto* choice = std::get_if<CaseAttrs>(&attrs)) {
    for (const auto& branch : choice->branches) count += CountNodes(*branch);
  }
  return count;
}

int64_t CountNodes(const Graph& graph) {
  int64_t count = graph.num_nodes();
  for (const Node& node : graph.nodes()) count += CountNodes(node.attrs);
  return count;
}

// The variables that decide how often a loop runs: those its condition reads, and those that these are made of.
std::vector<bool> DecidingVariables(const WhileAttrs& loop, std::vector<bool> deciding) {
  const std::vector<bool> by_condition = InputsRead(*loop.condition, {true});
  for (size_t i = 0; i < deciding.size(); ++i) deciding[i] = deciding[i] || by_condition[i];
  for (;;) {
    std::vector<bool> next = InputsRead(*loop.body, deciding);
    for (size_t i = 0; i < next.size(); ++i) next[i] = next[i] || deciding[i];
    if (next == deciding) return deciding;
    deciding = std::move(next);
  }
}

class ControlSimplifier {
 public:
  ControlSimplifier(Graph* graph, const PassOptions& options)
      : graph_(*graph), options_(options), rewriter_(graph, options), uses_(UseCounts(*graph)) {}

  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      if (!HasRegions(graph_.node(id).kind)) continue;
      rewriter_.Visit(id);
      const Node node = graph_.node(id);  // a copy, for nodes are added
      if (node.kind == OpKind::kCase) {
        if (!TakeBranch(node)) NarrowCase(node);
      } else if (!Unroll(node)) {
        NarrowLoop(node);
      }
    }
    return rewriter_.Finish();
  }

 private:
  bool IsConstant(ValueId v) const { return graph_.value(v).is_constant(); }

  void ReplaceAll(const Node& node, absl::Span<const ValueId> values) {
    for (size_t i = 0; i < values.size(); ++i) rewriter_.Replace(node.outputs[i], values[i]);
  }

  bool TakeBranch(const Node& node) {
    const auto& branches = node.attr<CaseAttrs>().branches;
    const Tensor& index = graph_.value(node.inputs[0]).constant;
    if (!index.is_valid() || index.num_elements() != 1) return false;
    const Graph& branch = *branches[BranchOf(index.values<int32_t>()[0], static_cast<int>(branches.size()))];
    ReplaceAll(node, InlineRegion(branch, absl::MakeConstSpan(node.inputs).subspan(1), &rewriter_.builder()));
    return true;
  }

  // How often the loop runs, or -1 where that cannot be told or is too often. Runs what decides it on a graph of its
  // own, which folds to constants on the way.
  int Iterations(const WhileAttrs& loop, absl::Span<const ValueId> operands) const {
    const std::vector<bool> deciding = DecidingVariables(loop, std::vector<bool>(operands.size(), false));
    const std::vector<Tensor> none(operands.size());
    const auto condition = Narrowed(*loop.condition, deciding, none, {true});
    const auto body = Narrowed(*loop.body, deciding, none, deciding);
    Graph scratch;
    GraphBuilder builder(&scratch, options_.limits);
    std::vector<ValueId> variables;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!deciding[i]) continue;
      const Value& value = graph_.value(operands[i]);
      variables.push_back(value.is_constant() ? scratch.AddConstant(value.constant)
                                              : scratch.AddInput(value.name(), value.type));
    }
    for (int n = 0; n <= kMaxIterations; ++n) {
      const std::vector<ValueId> again = InlineRegion(*condition, variables, &builder);
      if (!builder.ok() || builder.constant(again[0]) == nullptr) return -1;
      if (!builder.constant(again[0])->values<bool>()[0]) return n;
      variables = InlineRegion(*body, variables, &builder);
      if (!builder.ok() || scratch.num_nodes() > kMaxNodes) return -1;
    }
    return -1;
  }

  bool Unroll(const Node& node) {
    const WhileAttrs& loop = node.attr<WhileAttrs>();
    const int iterations = Iterations(loop, node.inputs);
    const int64_t size = iterations * CountNodes(*loop.body);
    if (iterations < 0 || size > kMaxNodes || graph_.num_nodes() + size > kMaxGraph) return false;
    std::vector<ValueId> variables(node.inputs.begin(), node.inputs.end());
    for (int n = 0; n < iterations && rewriter_.builder().ok(); ++n) {
      variables = InlineRegion(*loop.body, variables, &rewriter_.builder());
    }
    ReplaceAll(node, variables);
    return true;
  }

  std::vector<Tensor> Constants(absl::Span<const ValueId> values) const {
    std::vector<Tensor> constants;
    for (const ValueId v : values) constants.push_back(graph_.value(v).constant);
    return constants;
  }

  void NarrowCase(const Node& node) {
    const CaseAttrs& choice = node.attr<CaseAttrs>();
    const auto args = absl::MakeConstSpan(node.inputs).subspan(1);
    const std::vector<bool> all(node.outputs.size(), true);
    std::vector<bool> keep(args.size(), false);
    for (const auto& branch : choice.branches) {
      const std::vector<bool> read = InputsRead(*branch, all);
      for (size_t i = 0; i < args.size(); ++i) keep[i] = keep[i] || (read[i] && !IsConstant(args[i]));
    }
    if (std::all_of(keep.begin(), keep.end(), [](bool k) { return k; })) return;
    CaseAttrs narrowed;
    for (const auto& branch : choice.branches) {
      narrowed.branches.push_back(Narrowed(*branch, keep, Constants(args), all));
    }
    std::vector<ValueId> inputs = {node.inputs[0]};
    for (size_t i = 0; i < args.size(); ++i) {
      if (keep[i]) inputs.push_back(args[i]);
    }
    ReplaceAll(node, rewriter_.builder().AddMulti(OpKind::kCase, std::move(narrowed), inputs));
  }

  // What the body hands on as it is can be read from before the loop.
  void NarrowLoop(const Node& node) {
    const WhileAttrs& loop = node.attr<WhileAttrs>();
    const size_t n = node.inputs.size();
    std::vector<bool> same(n), wanted(n), keep(n);
    for (size_t i = 0; i < n; ++i) {
      same[i] = loop.body->outputs()[i].value == loop.body->inputs()[i];
      wanted[i] = !same[i] && uses_[node.outputs[i]] > 0;
    }
    const std::vector<bool> needed = DecidingVariables(loop, wanted);
    for (size_t i = 0; i < n; ++i) {
      keep[i] = needed[i] && !(same[i] && IsConstant(node.inputs[i]));
      if (same[i] && uses_[node.outputs[i]] > 0) rewriter_.Replace(node.outputs[i], node.inputs[i]);
    }
    if (std::all_of(keep.begin(), keep.end(), [](bool k) { return k; })) return;
    if (std::none_of(keep.begin(), keep.end(), [](bool k) { return k; })) return;
    WhileAttrs narrowed;
    narrowed.condition = Narrowed(*loop.condition, keep, Constants(node.inputs), {true});
    narrowed.body = Narrowed(*loop.body, keep, Constants(node.inputs), keep);
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < n; ++i) {
      if (keep[i]) inputs.push_back(node.inputs[i]);
    }
    const std::vector<ValueId> outputs = rewriter_.builder().AddMulti(OpKind::kWhile, std::move(narrowed), inputs);
    if (outputs.empty()) return;
    for (size_t i = 0, kept = 0; i < n; ++i) {
      if (!keep[i]) continue;
      if (!same[i]) rewriter_.Replace(node.outputs[i], outputs[kept]);
      ++kept;
    }
  }

  Graph& graph_;
  const PassOptions& options_;
  Rewriter rewriter_;
  const std::vector<int> uses_;
};

}  // namespace

StatusOr<bool> SimplifyControlFlow(Graph* graph, const PassOptions& options) {
  const auto has_regions = [](const Node& node) { return HasRegions(node.kind); };
  bool changed = false;
  for (int round = 0; round < kMaxRounds; ++round) {
    if (std::none_of(graph->nodes().begin(), graph->nodes().end(), has_regions)) return changed;
    MOULIN_ASSIGN_OR_RETURN(const bool again, ControlSimplifier(graph, options).Run());
    if (!again) return changed;
    changed = true;
  }
  return changed;
}

}  // namespace moulin
