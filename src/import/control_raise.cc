// The part of ControlFlow that finds the choices and loops among the nodes of TensorFlow 1.
//
// A choice: Switches send their data to one of two outputs by one predicate, Merges take what arrives. Each Merge is
// made a choice of its own, whose branches are what lies between it and the Switches; what several Merges of one choice
// share is in the branches of each.
//
// A loop: Enter -> Merge -> Switch -> (the body) -> NextIteration -> the same Merge; the Switch's other output leaves
// through Exit, and LoopCond decides. What enters without a Merge does not change in the loop.
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/control_flow.h"
#include "import/reach.h"

namespace moulin {

Status ControlFlow::WalkWithin(int context, absl::Span<const FlatRef> results, std::vector<FlatRef>* outside) {
  const auto leaves = [&](FlatRef ref) -> StatusOr<bool> {
    bool is_inside = false;
    if (!graph_.IsFed(ref)) {
      MOULIN_ASSIGN_OR_RETURN(const int of_node, contexts_.OfNode(ref.node));
      MOULIN_ASSIGN_OR_RETURN(const bool is_variable, IsOfLoop(ref.node, context));
      is_inside = contexts_.IsWithin(of_node, context) && !is_variable;
    }
    if (!is_inside) outside->push_back(ref);
    return !is_inside;
  };
  return WalkBack(results, &graph_, this, leaves).status();
}

// Whether `node` is a Merge or Switch that a variable of this very loop passes through.
StatusOr<bool> ControlFlow::IsOfLoop(int node, int context) {
  const absl::string_view op = graph_.def(node).op();
  if (!contexts_.context(context).is_loop || !(IsSwitch(op) || IsMerge(op))) return false;
  MOULIN_ASSIGN_OR_RETURN(const int of_node, contexts_.OfNode(node));
  if (of_node != context) return false;
  return IsSwitch(op) ? contexts_.IsLoopSwitch(node) : contexts_.IsLoopMerge(node);
}

// What `ref`, read within `context`, is around it: a Switch or an Enter that leads there hands on its data.
StatusOr<FlatRef> ControlFlow::ValueOutside(FlatRef ref, int context) {
  const absl::string_view op = graph_.def(ref.node).op();
  if (graph_.IsFed(ref) || (!IsSwitch(op) && !IsEnter(op))) return ref;
  MOULIN_ASSIGN_OR_RETURN(const int leads_to, contexts_.OfTensor(ref));
  if (leads_to != context) return ref;
  std::vector<FlatRef> inputs;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(ref.node, &inputs));
  if (inputs.empty()) return graph_.At(MakeError(ErrorCode::kArity, "expected at least 1 input, got 0"), ref.node);
  return inputs[0];
}

// For each side of a choice, of which `branch` is one, the input of its Merge that comes from there. Inputs may have
// lost their Switch where they do not depend on anything: they are of the sides that are left, in order.
StatusOr<std::vector<int>> ControlFlow::InputsOfSides(int branch, absl::Span<const FlatRef> inputs) {
  const ControlContexts::Context choice = contexts_.context(branch);
  std::vector<int> input_of_side(choice.sides, -1), homeless;
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
    MOULIN_ASSIGN_OR_RETURN(const int context, contexts_.OfTensor(inputs[i]));
    const ControlContexts::Context& of = contexts_.context(context);
    const bool is_branch =
        !of.is_loop && of.parent == choice.parent && of.predicate == choice.predicate && of.sides == choice.sides;
    if (!is_branch && !contexts_.IsWithin(branch, context)) {
      return MakeError(ErrorCode::kUnsupported, "its inputs are not the branches of one choice");
    }
    if (!is_branch) {
      homeless.push_back(i);
    } else if (input_of_side[of.side] < 0) {
      input_of_side[of.side] = i;
    } else {
      return MakeError(ErrorCode::kUnsupported,
                       "its inputs are not the branches of one choice: two of its inputs come from one branch");
    }
  }
  auto next = homeless.begin();
  for (int& input : input_of_side) {
    if (input < 0) input = *next++;
  }
  return input_of_side;
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeMerge(int merge) {
  MOULIN_ASSIGN_OR_RETURN(const bool is_loop, contexts_.IsLoopMerge(merge));
  if (is_loop) return MakeError(ErrorCode::kUnsupported, "a loop is read in the middle of an iteration");
  std::vector<FlatRef> inputs;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(merge, &inputs));
  int deepest = ControlContexts::kRoot;
  for (const FlatRef input : inputs) {
    MOULIN_ASSIGN_OR_RETURN(const int context, contexts_.OfTensor(input));
    if (contexts_.context(context).depth > contexts_.context(deepest).depth) deepest = context;
  }
  const ControlContexts::Context branch = contexts_.context(deepest);
  if (deepest == ControlContexts::kRoot || branch.is_loop) {
    return MakeError(ErrorCode::kUnsupported, "no Switch leads to either input");
  }
  if (static_cast<int>(inputs.size()) != branch.sides) {
    return MakeError(ErrorCode::kUnsupported, "expected a Merge of ", branch.sides, " inputs, got ", inputs.size());
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> input_of_side, InputsOfSides(deepest, inputs));
  auto choice = std::make_unique<ControlStructure>();
  choice->by_truth = branch.by_truth;
  choice->operands = {branch.predicate};
  for (int side = 0; side < branch.sides; ++side) {
    const int input = input_of_side[side];
    choice->merge_inputs.push_back(input);
    MOULIN_RETURN_IF_ERROR(AddBranch(contexts_.BranchBeside(deepest, side), inputs[input], choice.get()));
    const std::string which = !branch.by_truth ? absl::StrCat("/branch", side) : side == 0 ? "/else" : "/then";
    choice->regions.back().name = absl::StrCat(graph_.name(merge), which);
  }
  for (Region& region : choice->regions) region.num_args = static_cast<int>(choice->operands.size()) - 1;
  auto use = std::make_unique<ControlUse>();
  use->structure = choice.get();
  use->results = {0, 1};
  structures_.push_back(std::move(choice));
  return use;
}

// Adds the branch that gives `result` in `context`, and what it reads to the operands.
Status ControlFlow::AddBranch(int context, FlatRef result, ControlStructure* choice) {
  std::vector<FlatRef> outside;
  MOULIN_RETURN_IF_ERROR(WalkWithin(context, {result}, &outside));
  Region region;
  region.results = {result};
  absl::flat_hash_set<FlatRef> seen;
  for (const FlatRef ref : outside) {
    if (!seen.insert(ref).second) continue;
    region.bindings.push_back({ref, static_cast<int>(choice->operands.size()) - 1});
    MOULIN_ASSIGN_OR_RETURN(const FlatRef operand, ValueOutside(ref, context));
    choice->operands.push_back(operand);
  }
  choice->regions.push_back(std::move(region));
  return absl::OkStatus();
}

// Finds the variables of a loop, from one of them: its condition and the bodies of those found read others.
class LoopFinder {
 public:
  LoopFinder(ControlFlow* flow, int context) : flow_(*flow), graph_(flow->graph_), context_(context) {}

  // The number of the variable that begins with this Merge.
  StatusOr<int> AddVariable(int merge) {
    const auto [it, is_new] = number_.emplace(merge, static_cast<int>(variables_.size()));
    if (!is_new) return it->second;
    std::vector<FlatRef> inputs;
    MOULIN_RETURN_IF_ERROR(graph_.Inputs(merge, &inputs));
    Variable variable;
    for (const FlatRef input : inputs) {
      const absl::string_view op = graph_.def(input.node).op();
      std::vector<FlatRef> data;
      MOULIN_RETURN_IF_ERROR(graph_.Inputs(input.node, &data));
      if (data.size() == 1 && IsEnter(op)) variable.first = data[0];
      if (data.size() == 1 && IsNextIteration(op)) variable.next = data[0];
    }
    if (inputs.size() != 2 || variable.first.node < 0 || variable.next.node < 0) {
      return graph_.At(MakeError(ErrorCode::kUnsupported, "expected a Merge of an Enter and a NextIteration"), merge);
    }
    variables_.push_back(variable);
    return it->second;
  }

  // Walks back from what decides whether there is another iteration, and from what each variable is then.
  StatusOr<std::unique_ptr<ControlStructure>> Run(FlatRef condition) {
    condition_.results = {condition};
    MOULIN_RETURN_IF_ERROR(Visit({condition}));
    for (size_t visited = 0; visited < variables_.size();) {
      std::vector<FlatRef> next;
      for (; visited < variables_.size(); ++visited) next.push_back(variables_[visited].next);
      MOULIN_RETURN_IF_ERROR(Visit(next));
    }
    auto loop = std::make_unique<ControlStructure>();
    loop->is_loop = true;
    Region body;
    for (const Variable& variable : variables_) {
      loop->operands.push_back(variable.first);
      body.results.push_back(variable.next);
    }
    const int num_variables = static_cast<int>(variables_.size());
    for (size_t i = 0; i < constant_.size(); ++i) {
      bindings_.push_back({constant_[i], num_variables + static_cast<int>(i)});
      MOULIN_ASSIGN_OR_RETURN(const FlatRef operand, flow_.ValueOutside(constant_[i], context_));
      loop->operands.push_back(operand);
      body.results.push_back(constant_[i]);
    }
    const std::string& frame = flow_.contexts_.context(context_).frame;
    condition_.name = absl::StrCat(frame, "/condition");
    body.name = absl::StrCat(frame, "/body");
    for (Region* region : {&condition_, &body}) {
      region->num_args = static_cast<int>(loop->operands.size());
      region->bindings = bindings_;
      loop->regions.push_back(std::move(*region));
    }
    return loop;
  }

 private:
  struct Variable {
    FlatRef first;  // in the graph around the loop
    FlatRef next;   // in the body
  };

  Status Visit(absl::Span<const FlatRef> results) {
    std::vector<FlatRef> outside;
    MOULIN_RETURN_IF_ERROR(flow_.WalkWithin(context_, results, &outside));
    for (const FlatRef ref : outside) MOULIN_RETURN_IF_ERROR(Bind(ref));
    return absl::OkStatus();
  }

  Status Bind(FlatRef ref) {
    if (!seen_.insert(ref).second) return absl::OkStatus();
    MOULIN_ASSIGN_OR_RETURN(const bool is_variable, flow_.IsOfLoop(ref.node, context_));
    if (graph_.IsFed(ref) || !is_variable) {
      constant_.push_back(ref);
      return absl::OkStatus();
    }
    // What a Switch's first output has is for the Exit, and a Merge's second tells which input came.
    const bool is_switch = IsSwitch(graph_.def(ref.node).op());
    if (ref.port != (is_switch ? 1 : 0)) {
      return graph_.At(MakeError(ErrorCode::kPort, "output ", ref.port, " is read within a loop"), ref.node);
    }
    int merge = ref.node;
    if (is_switch) {
      std::vector<FlatRef> inputs;
      MOULIN_RETURN_IF_ERROR(graph_.Inputs(ref.node, &inputs));
      merge = inputs[0].node;
    }
    MOULIN_ASSIGN_OR_RETURN(const int variable, AddVariable(merge));
    bindings_.push_back({ref, variable});
    return absl::OkStatus();
  }

  ControlFlow& flow_;
  FlatGraph& graph_;
  const int context_;
  Region condition_;
  std::vector<Variable> variables_;
  std::vector<FlatRef> constant_;  // read in the loop, and the same in every iteration
  std::vector<std::pair<FlatRef, int>> bindings_;
  absl::flat_hash_map<int, int> number_;  // by Merge
  absl::flat_hash_set<FlatRef> seen_;
};

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeExit(int exit) {
  std::vector<FlatRef> of_exit, of_switch;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(exit, &of_exit));
  if (of_exit.size() != 1 || of_exit[0].port != 0 || !IsSwitch(graph_.def(of_exit[0].node).op())) {
    return MakeError(ErrorCode::kUnsupported, "expected an Exit behind the first output of a Switch");
  }
  const int leaves = of_exit[0].node;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(leaves, &of_switch));
  MOULIN_ASSIGN_OR_RETURN(const bool is_loop, contexts_.IsLoopSwitch(leaves));
  if (!is_loop || !IsMerge(graph_.def(of_switch[0].node).op())) {
    return MakeError(ErrorCode::kUnsupported, "expected a Switch of a Merge by a LoopCond before the Exit");
  }
  MOULIN_ASSIGN_OR_RETURN(const int context, contexts_.OfNode(leaves));
  Loop& loop = loops_[context];
  if (loop.structure == nullptr) MOULIN_RETURN_IF_ERROR(FindLoop(context, of_switch[1].node, &loop));
  const auto variable = loop.variables.find(of_switch[0].node);
  if (variable == loop.variables.end()) return MakeError(ErrorCode::kUnsupported, "no variable of its loop");
  auto use = std::make_unique<ControlUse>();
  use->structure = loop.structure;
  use->results = {variable->second};
  return use;
}

// Notes for the Exits among the nodes that were opened since the last time which variables they lead out of which loop.
// Those of a malformed loop are left to whoever needs it.
void ControlFlow::IndexExits() {
  for (; indexed_ < graph_.num_nodes(); ++indexed_) {
    if (!IsExit(graph_.def(indexed_).op())) continue;
    std::vector<FlatRef> of_exit, of_switch;
    if (!graph_.Inputs(indexed_, &of_exit).ok() || of_exit.size() != 1) continue;
    const int leaves = of_exit[0].node;
    const StatusOr<int> context = contexts_.OfNode(leaves);
    if (!context.ok() || !IsSwitch(graph_.def(leaves).op()) || !graph_.Inputs(leaves, &of_switch).ok()) continue;
    const StatusOr<bool> is_of_loop = IsOfLoop(leaves, *context);
    if (!is_of_loop.ok() || !*is_of_loop) continue;
    const int merge = of_switch[0].node;
    const StatusOr<bool> is_variable = IsOfLoop(merge, *context);
    if (is_variable.ok() && *is_variable && IsMerge(graph_.def(merge).op())) leaving_[*context].push_back(merge);
  }
}

// Every variable that leaves the loop is one from the start, whichever Exit is met first.
Status ControlFlow::FindLoop(int context, int loop_cond, Loop* loop) {
  LoopFinder finder(this, context);
  IndexExits();
  for (const int merge : leaving_[context]) {
    MOULIN_ASSIGN_OR_RETURN(loop->variables[merge], finder.AddVariable(merge));
  }
  std::vector<FlatRef> condition;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(loop_cond, &condition));
  if (condition.size() != 1) return MakeError(ErrorCode::kArity, "expected a LoopCond of 1 input");
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<ControlStructure> structure, finder.Run(condition[0]));
  loop->structure = structure.get();
  structures_.push_back(std::move(structure));
  return absl::OkStatus();
}

}  // namespace moulin
