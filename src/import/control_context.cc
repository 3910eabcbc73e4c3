#include "import/control_context.h"

#include <algorithm>
#include <climits>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

bool IsEither(absl::string_view op, absl::string_view name) { return absl::StripPrefix(op, "Ref") == name; }

bool HasAny(const tf::GraphDef& graph) {
  const auto is_one = [](const tf::NodeDef& node) {
    return IsSwitch(node.op()) || IsMerge(node.op()) || IsEnter(node.op());
  };
  if (std::any_of(graph.node().begin(), graph.node().end(), is_one)) return true;
  const auto& functions = graph.library().function();
  return std::any_of(functions.begin(), functions.end(), [&](const tf::FunctionDef& function) {
    return std::any_of(function.node_def().begin(), function.node_def().end(), is_one);
  });
}

}  // namespace

bool IsSwitch(absl::string_view op) { return IsEither(op, "Switch") || op == "_SwitchN"; }
bool IsMerge(absl::string_view op) { return IsEither(op, "Merge"); }
bool IsEnter(absl::string_view op) { return IsEither(op, "Enter"); }
bool IsExit(absl::string_view op) { return IsEither(op, "Exit"); }
bool IsNextIteration(absl::string_view op) { return IsEither(op, "NextIteration"); }

ControlContexts::ControlContexts(FlatGraph* graph) : graph_(*graph), contexts_(1), has_any_(HasAny(graph->graph())) {}

StatusOr<bool> ControlContexts::IsLoopMerge(int merge) {
  std::vector<FlatRef> inputs;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(merge, &inputs));
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](FlatRef input) { return IsNextIteration(graph_.def(input.node).op()); });
}

StatusOr<bool> ControlContexts::IsLoopSwitch(int node) {
  std::vector<FlatRef> inputs;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(node, &inputs));
  return inputs.size() == 2 && graph_.def(inputs[1].node).op() == "LoopCond";
}

bool ControlContexts::IsWithin(int id, int outer) const {
  while (contexts_[id].depth > contexts_[outer].depth) id = contexts_[id].parent;
  return id == outer;
}

int ControlContexts::Child(int parent, Context child) {
  const std::string key = child.is_loop ? absl::StrCat(parent, " loop ", child.frame)
                                        : absl::StrCat(parent, " branch ", child.predicate.node, ":",
                                                       child.predicate.port, " ", child.side);
  const auto [it, is_new] = children_.emplace(key, static_cast<int>(contexts_.size()));
  if (is_new) {
    child.parent = parent;
    child.depth = contexts_[parent].depth + 1;
    contexts_.push_back(std::move(child));
  }
  return it->second;
}

int ControlContexts::BranchBeside(int branch, int side) {
  Context other = contexts_[branch];
  other.side = side;
  return Child(contexts_[branch].parent, std::move(other));
}

// Of one choice, some Switches may read the predicate itself and some a copy of it.
StatusOr<FlatRef> ControlContexts::WithoutIdentities(FlatRef ref) {
  std::vector<FlatRef> inputs;
  for (int steps = 0; graph_.def(ref.node).op() == "Identity" && !graph_.IsFed(ref); ++steps) {
    inputs.clear();
    MOULIN_RETURN_IF_ERROR(graph_.Inputs(ref.node, &inputs));
    if (inputs.size() != 1 || steps == graph_.num_nodes()) break;
    ref = inputs[0];
  }
  return ref;
}

StatusOr<int> ControlContexts::OfTensor(FlatRef ref) {
  if (!has_any_ || graph_.IsFed(ref)) return kRoot;
  MOULIN_ASSIGN_OR_RETURN(const int around, OfNode(ref.node));
  const tf::NodeDef& def = graph_.def(ref.node);
  if (IsEnter(def.op())) {
    const auto frame = def.attr().find("frame_name");
    if (frame == def.attr().end() || frame->second.s().empty()) {
      return graph_.At(MakeError(ErrorCode::kAttribute, "missing attribute \"frame_name\""), ref.node);
    }
    Context loop;
    loop.is_loop = true;
    // The body of a function may be there several times.
    const std::string name = graph_.name(ref.node);
    loop.frame = absl::StrCat(absl::StripSuffix(name, def.name()), frame->second.s());
    return Child(around, std::move(loop));
  }
  if (!IsSwitch(def.op())) return around;
  Context branch;
  branch.by_truth = def.op() != "_SwitchN";
  if (!branch.by_truth) {
    const auto outputs = def.attr().find("num_outs");
    branch.sides = outputs == def.attr().end() ? 0 : static_cast<int>(std::min<int64_t>(outputs->second.i(), INT_MAX));
  }
  if (ref.port >= branch.sides) {
    return graph_.At(MakeError(ErrorCode::kPort, "output ", ref.port, " is read, of ", branch.sides), ref.node);
  }
  MOULIN_ASSIGN_OR_RETURN(const bool is_of_loop, IsLoopSwitch(ref.node));
  if (is_of_loop) return around;
  std::vector<FlatRef> inputs;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(ref.node, &inputs));
  if (inputs.size() != 2) {
    return graph_.At(MakeError(ErrorCode::kArity, "expected 2 inputs, got ", inputs.size()), ref.node);
  }
  MOULIN_ASSIGN_OR_RETURN(branch.predicate, WithoutIdentities(inputs[1]));
  branch.side = ref.port;
  return Child(around, std::move(branch));
}

// What tells where `node` lies. The first iteration of a loop does, not the next ones.
Status ControlContexts::Origins(int node, Origin* origin) {
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(node, &origin->data));
  MOULIN_RETURN_IF_ERROR(graph_.ControlInputs(node, &origin->control));
  const auto is_next = [&](FlatRef ref) { return IsNextIteration(graph_.def(ref.node).op()); };
  if (IsMerge(graph_.def(node).op())) {
    origin->data.erase(std::remove_if(origin->data.begin(), origin->data.end(), is_next), origin->data.end());
  }
  return absl::OkStatus();
}

// A Merge that ends a choice, and an Exit, lie around what they end.
StatusOr<int> ControlContexts::FromOrigins(int node, const Origin& origin) {
  int deepest = kRoot;
  const auto take = [&](int context) {
    if (contexts_[context].depth > contexts_[deepest].depth) deepest = context;
  };
  for (const FlatRef ref : origin.data) {
    if (of_node_[ref.node] == kOpen) continue;  // a cycle, which the walk over the graph reports
    MOULIN_ASSIGN_OR_RETURN(const int context, OfTensor(ref));
    take(context);
  }
  for (const int other : origin.control) {
    if (of_node_[other] != kOpen) take(of_node_[other]);
  }
  const absl::string_view op = graph_.def(node).op();
  if (IsExit(op)) {
    while (deepest != kRoot && !contexts_[deepest].is_loop) deepest = contexts_[deepest].parent;
    return std::max(contexts_[deepest].parent, kRoot);
  }
  if (!IsMerge(op)) return deepest;
  MOULIN_ASSIGN_OR_RETURN(const bool is_loop, IsLoopMerge(node));
  return is_loop ? deepest : std::max(contexts_[deepest].parent, kRoot);
}

StatusOr<int> ControlContexts::OfNode(int node) {
  if (!has_any_) return kRoot;
  if (const auto it = of_node_.find(node); it != of_node_.end()) return std::max(it->second, kRoot);
  std::vector<Origin> stack;
  const auto open = [&](int n) -> Status {
    Origin origin;
    origin.node = n;
    MOULIN_RETURN_IF_ERROR(Origins(n, &origin));
    of_node_[n] = kOpen;
    stack.push_back(std::move(origin));
    return absl::OkStatus();
  };
  MOULIN_RETURN_IF_ERROR(open(node));
  while (!stack.empty()) {
    Origin& top = stack.back();
    if (top.next < top.data.size() + top.control.size()) {
      const size_t i = top.next++;
      const int from = i < top.data.size() ? top.data[i].node : top.control[i - top.data.size()];
      if (!of_node_.contains(from)) MOULIN_RETURN_IF_ERROR(open(from));
      continue;
    }
    const int n = top.node;
    MOULIN_ASSIGN_OR_RETURN(const int context, FromOrigins(n, top));
    of_node_[n] = context;
    stack.pop_back();
  }
  return of_node_[node];
}

}  // namespace moulin
