// Tested by tests/import/control_flow_test.cc.
#include "import/control_flow.h"

#include <numeric>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

StatusOr<const tf::AttrValue*> Attribute(const tf::NodeDef& node, const std::string& name) {
  const auto it = node.attr().find(name);
  if (it != node.attr().end()) return &it->second;
  return MakeError(ErrorCode::kAttribute, "missing attribute \"", name, "\"");
}

bool IsControlOp(absl::string_view op) {
  return op == "If" || op == "StatelessIf" || op == "Case" || op == "StatelessCase" || op == "While" ||
         op == "StatelessWhile" || IsExit(op) || IsMerge(op);
}

std::unique_ptr<ControlUse> UseAll(const ControlStructure* structure) {
  auto use = std::make_unique<ControlUse>();
  use->structure = structure;
  use->results.resize(structure->regions.back().results.size());
  std::iota(use->results.begin(), use->results.end(), 0);
  return use;
}

}  // namespace

StatusOr<const ControlUse*> ControlFlow::Find(int node) {
  if (!IsControlOp(graph_.def(node).op())) return static_cast<const ControlUse*>(nullptr);
  if (const auto it = uses_.find(node); it != uses_.end()) return it->second.get();
  if (++depth_ > graph_.limits().function_depth) {
    return graph_.At(MakeError(ErrorCode::kLimit, "expected at most ", graph_.limits().function_depth,
                               " branches and loops within each other"),
                     node);
  }
  StatusOr<std::unique_ptr<ControlUse>> use = Make(node);
  --depth_;
  if (!use.ok()) return graph_.At(use.status(), node);
  return (uses_[node] = *std::move(use)).get();
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::Make(int node) {
  const absl::string_view op = graph_.def(node).op();
  if (op == "If" || op == "StatelessIf") return MakeIf(node);
  if (op == "Case" || op == "StatelessCase") return MakeCase(node);
  if (op == "While" || op == "StatelessWhile") return MakeWhile(node);
  if (IsExit(op)) return MakeExit(node);
  return MakeMerge(node);
}

Status ControlFlow::Inputs(int node, std::vector<FlatRef>* inputs) {
  MOULIN_ASSIGN_OR_RETURN(const ControlUse* use, Find(node));
  if (use == nullptr) return graph_.Inputs(node, inputs);
  const std::vector<FlatRef>& operands = use->structure->operands;
  inputs->insert(inputs->end(), operands.begin(), operands.end());
  return absl::OkStatus();
}

StatusOr<bool> ControlFlow::IsInside(FlatRef ref) {
  MOULIN_ASSIGN_OR_RETURN(const int context, contexts_.OfTensor(ref));
  return context != ControlContexts::kRoot;
}

StatusOr<Region> ControlFlow::FunctionRegion(int node, const tf::NameAttrList& function, int num_args) {
  MOULIN_ASSIGN_OR_RETURN(Region region, graph_.OpenRegion(node, function));
  if (region.num_args == num_args) return region;
  return MakeError(ErrorCode::kFunction, "function \"", Printable(function.name()), "\" takes ", region.num_args,
                   " inputs, got ", num_args);
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeBranches(int node,
                                                                absl::Span<const tf::NameAttrList* const> functions) {
  auto choice = std::make_unique<ControlStructure>();
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(node, &choice->operands));
  if (choice->operands.empty()) return MakeError(ErrorCode::kArity, "expected at least 1 input, got 0");
  const int num_args = static_cast<int>(choice->operands.size()) - 1;
  for (const tf::NameAttrList* function : functions) {
    MOULIN_ASSIGN_OR_RETURN(Region region, FunctionRegion(node, *function, num_args));
    choice->regions.push_back(std::move(region));
    if (choice->regions.back().results.size() == choice->regions.front().results.size()) continue;
    return MakeError(ErrorCode::kFunction, "branches give ", choice->regions.front().results.size(), " and ",
                     choice->regions.back().results.size(), " outputs");
  }
  structures_.push_back(std::move(choice));
  return UseAll(structures_.back().get());
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeIf(int node) {
  MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* on_false, Attribute(graph_.def(node), "else_branch"));
  MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* on_true, Attribute(graph_.def(node), "then_branch"));
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<ControlUse> use, MakeBranches(node, {&on_false->func(), &on_true->func()}));
  structures_.back()->by_truth = true;
  return use;
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeCase(int node) {
  MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* branches, Attribute(graph_.def(node), "branches"));
  std::vector<const tf::NameAttrList*> functions;
  for (const tf::NameAttrList& function : branches->list().func()) functions.push_back(&function);
  if (functions.empty()) return MakeError(ErrorCode::kAttribute, "attribute \"branches\": expected at least 1, got 0");
  return MakeBranches(node, functions);
}

StatusOr<std::unique_ptr<ControlUse>> ControlFlow::MakeWhile(int node) {
  MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* condition, Attribute(graph_.def(node), "cond"));
  MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* body, Attribute(graph_.def(node), "body"));
  auto loop = std::make_unique<ControlStructure>();
  loop->is_loop = true;
  MOULIN_RETURN_IF_ERROR(graph_.Inputs(node, &loop->operands));
  const int num_args = static_cast<int>(loop->operands.size());
  for (const tf::AttrValue* function : {condition, body}) {
    MOULIN_ASSIGN_OR_RETURN(Region region, FunctionRegion(node, function->func(), num_args));
    loop->regions.push_back(std::move(region));
  }
  const size_t conditions = loop->regions[0].results.size();
  const size_t results = loop->regions[1].results.size();
  if (conditions != 1 || results != loop->operands.size()) {
    return MakeError(ErrorCode::kFunction, "expected a condition that gives 1 output and a body that gives ",
                     loop->operands.size(), ", got ", conditions, " and ", results);
  }
  structures_.push_back(std::move(loop));
  return UseAll(structures_.back().get());
}

absl::Span<const absl::string_view> ControlFlowOps() {
  static constexpr absl::string_view kOps[] = {"Case",
                                               "Enter",
                                               "Exit",
                                               "If",
                                               "LoopCond",
                                               "Merge",
                                               "NextIteration",
                                               "RefEnter",
                                               "RefExit",
                                               "RefMerge",
                                               "RefNextIteration",
                                               "RefSwitch",
                                               "StatelessCase",
                                               "StatelessIf",
                                               "StatelessWhile",
                                               "Switch",
                                               "While",
                                               "_SwitchN"};
  return kOps;
}

StatusOr<Reach> ReachOfRegion(const Region& region, FlatGraph* graph, ControlFlow* control) {
  absl::flat_hash_set<FlatRef> args;
  for (const auto& [ref, arg] : region.bindings) args.insert(ref);
  return WalkBack(region.results, graph, control, [&](FlatRef ref) -> StatusOr<bool> { return args.contains(ref); });
}

}  // namespace moulin
