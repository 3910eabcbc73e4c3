#include "import/reach.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

// Bounds all inputs together, which inlining multiplies; real graphs have two or three a node.
constexpr int64_t kInputsPerNode = 32;

enum class State : char { kNew, kOpen, kDone };

// Depth-first search with a stack of its own.
class Walker {
 public:
  Walker(FlatGraph* graph, Reach* reach) : graph_(*graph), reach_(*reach) {}

  Status Visit(FlatRef output) {
    if (graph_.IsFed(output)) return absl::OkStatus();
    MOULIN_RETURN_IF_ERROR(Enter(output.node));
    while (!stack_.empty()) {
      const auto [node, next] = stack_.back();
      if (next == reach_.num_inputs[node]) {
        state_[node] = State::kDone;
        reach_.order.push_back(node);
        stack_.pop_back();
        continue;
      }
      ++stack_.back().second;
      const FlatRef input = reach_.inputs[reach_.first_input[node] + next];
      if (graph_.IsFed(input)) continue;
      if (IsBackEdge(node, input.node)) {
        back_edges_.push_back(input);
      } else {
        MOULIN_RETURN_IF_ERROR(Enter(input.node));
      }
    }
    return absl::OkStatus();
  }

  // What loops carry from one iteration to the next, which no order can put before its readers.
  Status VisitBackEdges() {
    for (size_t i = 0; i < back_edges_.size(); ++i) {
      const FlatRef edge = back_edges_[i];
      MOULIN_RETURN_IF_ERROR(Visit(edge));
    }
    return absl::OkStatus();
  }

 private:
  bool IsBackEdge(int node, int input) const {
    const absl::string_view from = graph_.def(input).op();
    if (from != "NextIteration" && from != "RefNextIteration") return false;
    const absl::string_view to = graph_.def(node).op();
    return to == "Merge" || to == "RefMerge";
  }

  Status Enter(int node) {
    Grow();
    if (state_[node] == State::kDone) return absl::OkStatus();
    if (state_[node] == State::kOpen) return Cycle(node);
    state_[node] = State::kOpen;
    reach_.first_input[node] = static_cast<int64_t>(reach_.inputs.size());
    MOULIN_RETURN_IF_ERROR(graph_.Inputs(node, &reach_.inputs));
    if (reach_.inputs.size() > kInputsPerNode * graph_.limits().nodes) {
      return MakeError(ErrorCode::kLimit, "expected at most ", kInputsPerNode * graph_.limits().nodes,
                       " inputs in all");
    }
    Grow();
    reach_.num_inputs[node] = static_cast<int>(reach_.inputs.size() - reach_.first_input[node]);
    stack_.push_back({node, 0});
    return absl::OkStatus();
  }

  // Opening calls adds nodes.
  void Grow() {
    if (state_.size() == graph_.num_nodes()) return;
    state_.resize(graph_.num_nodes());
    reach_.first_input.resize(graph_.num_nodes());
    reach_.num_inputs.resize(graph_.num_nodes());
  }

  Status Cycle(int node) const {
    constexpr int kMostShown = 10;
    auto it = std::find_if(stack_.begin(), stack_.end(), [&](const auto& entry) { return entry.first == node; });
    const auto length = stack_.end() - it;
    std::string path;
    for (int shown = 0; it != stack_.end() && shown < kMostShown; ++it, ++shown) {
      absl::StrAppend(&path, "\"", Printable(graph_.name(it->first), 80), "\" <- ");
    }
    if (length > kMostShown) absl::StrAppend(&path, "... (", length, " nodes) <- ");
    absl::StrAppend(&path, "\"", Printable(graph_.name(node), 80), "\"");
    return graph_.At(MakeError(ErrorCode::kCycle, "nodes read each other: ", path), node);
  }

  FlatGraph& graph_;
  Reach& reach_;
  std::vector<State> state_;
  std::vector<std::pair<int, int>> stack_;  // (node, its next input)
  std::vector<FlatRef> back_edges_;
};

}  // namespace

StatusOr<Reach> WalkBack(absl::Span<const FlatRef> outputs, FlatGraph* graph) {
  Reach reach;
  Walker walker(graph, &reach);
  for (const FlatRef output : outputs) MOULIN_RETURN_IF_ERROR(walker.Visit(output));
  MOULIN_RETURN_IF_ERROR(walker.VisitBackEdges());
  return reach;
}

}  // namespace moulin
