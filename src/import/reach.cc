#include "import/reach.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/control_flow.h"

namespace moulin {
namespace {

// Bounds all inputs together, which inlining multiplies; real graphs have two or three a node.
constexpr int64_t kInputsPerNode = 32;

enum class NodeState : char { kNew, kOpen, kDone };

// Depth-first search with a stack of its own.
class Walker {
 public:
  Walker(FlatGraph* graph, ControlFlow* control, const StopsAt& stops_at, Reach* reach)
      : graph_(*graph), control_(*control), stops_at_(stops_at), reach_(*reach) {}

  Status Visit(FlatRef output) {
    MOULIN_RETURN_IF_ERROR(Follow(output));
    while (!stack_.empty()) {
      Open& top = stack_.back();
      if (top.next == top.entry.num_inputs) {
        state_[top.entry.node] = NodeState::kDone;
        reach_.order.push_back(top.entry);
        stack_.pop_back();
        continue;
      }
      const FlatRef input = reach_.inputs[top.entry.first_input + top.next++];
      MOULIN_RETURN_IF_ERROR(Follow(input));
    }
    return absl::OkStatus();
  }

 private:
  struct Open {
    Reach::Entry entry;
    int next = 0;
  };

  Status Follow(FlatRef ref) {
    if (stops_at_ != nullptr) {
      MOULIN_ASSIGN_OR_RETURN(const bool stops, stops_at_(ref));
      if (stops) return absl::OkStatus();
    }
    return graph_.IsFed(ref) ? absl::OkStatus() : Enter(ref.node);
  }

  Status Enter(int node) {
    NodeState& state = state_[node];
    if (state == NodeState::kDone) return absl::OkStatus();
    if (state == NodeState::kOpen) return Cycle(node);
    state = NodeState::kOpen;
    const auto first = static_cast<int64_t>(reach_.inputs.size());
    MOULIN_RETURN_IF_ERROR(control_.Inputs(node, &reach_.inputs));
    if (reach_.inputs.size() > kInputsPerNode * graph_.limits().nodes) {
      return MakeError(ErrorCode::kLimit, "expected at most ", kInputsPerNode * graph_.limits().nodes,
                       " inputs in all");
    }
    stack_.push_back({{node, first, static_cast<int>(reach_.inputs.size() - first)}});
    return absl::OkStatus();
  }

  Status Cycle(int node) const {
    constexpr int kMostShown = 10;
    auto it = std::find_if(stack_.begin(), stack_.end(), [&](const Open& open) { return open.entry.node == node; });
    const auto length = stack_.end() - it;
    std::string path;
    for (int shown = 0; it != stack_.end() && shown < kMostShown; ++it, ++shown) {
      absl::StrAppend(&path, "\"", Printable(graph_.name(it->entry.node), 80), "\" <- ");
    }
    if (length > kMostShown) absl::StrAppend(&path, "... (", length, " nodes) <- ");
    absl::StrAppend(&path, "\"", Printable(graph_.name(node), 80), "\"");
    return graph_.At(MakeError(ErrorCode::kCycle, "nodes read each other: ", path), node);
  }

  FlatGraph& graph_;
  ControlFlow& control_;
  const StopsAt& stops_at_;
  Reach& reach_;
  absl::flat_hash_map<int, NodeState> state_;
  std::vector<Open> stack_;
};

}  // namespace

StatusOr<Reach> WalkBack(absl::Span<const FlatRef> outputs, FlatGraph* graph, ControlFlow* control,
                         const StopsAt& stops_at) {
  Reach reach;
  Walker walker(graph, control, stops_at, &reach);
  for (const FlatRef output : outputs) MOULIN_RETURN_IF_ERROR(walker.Visit(output));
  return reach;
}

}  // namespace moulin
