// The part of Importer that makes Case and While of choices and loops.
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/importer.h"
#include "ops/control.h"
#include "ops/graph_builder.h"

namespace moulin {
namespace {

// The number of a branch as a scalar: of a truth value, what TensorFlow takes for true is branch 1.
ValueId BranchIndex(ValueId chooses, bool by_truth, GraphBuilder* b) {
  if (!by_truth) return chooses;
  const DType type = b->dtype(chooses);
  const PartialShape& shape = b->shape(chooses);
  if (type == DType::kString || (shape.has_rank() && shape.rank() > 0)) {
    b->Fail(MakeError(ErrorCode::kUnsupported, "a choice by ", Name(type), shape.ToString(), ", not by a scalar"));
    return kNoId;
  }
  if (type != DType::kBool) chooses = b->Binary(ExprOp::kNotEqual, chooses, b->ScalarLike(chooses, 0));
  return b->Cast(chooses, DType::kInt32);
}

std::vector<TensorType> TypesOf(const Graph& graph, absl::Span<const ValueId> values) {
  std::vector<TensorType> types;
  for (const ValueId v : values) types.push_back(graph.value(v).type);
  return types;
}

}  // namespace

Status Importer::LowerControl(int node, const ControlUse& use, absl::Span<const FlatRef> inputs) {
  auto it = structures_.find(use.structure);
  if (it == structures_.end()) {
    Values operands;
    MOULIN_ASSIGN_OR_RETURN(const bool is_ready, InputValues(inputs, &operands));
    Values results;
    if (is_ready) {
      MOULIN_ASSIGN_OR_RETURN(results, LowerStructure(node, *use.structure, operands));
    }
    it = structures_.emplace(use.structure, std::move(results)).first;
  }
  if (it->second.empty()) return absl::OkStatus();  // blocked
  Values outputs;
  for (const int result : use.results) outputs.push_back(it->second[result]);
  SetOutputs(node, outputs);
  return absl::OkStatus();
}

StatusOr<Importer::Values> Importer::LowerStructure(int node, const ControlStructure& structure,
                                                    const Values& operands) {
  GraphBuilder builder(&graph_, flat_.limits());
  builder.SetOrigin(flat_.name(node), flat_.def(node).op());
  StatusOr<Values> results =
      structure.is_loop ? LowerLoop(structure, operands, &builder) : LowerChoice(structure, operands, &builder);
  MOULIN_RETURN_IF_ERROR(builder.status());
  return results;
}

StatusOr<Importer::Values> Importer::LowerChoice(const ControlStructure& choice, const Values& operands,
                                                 GraphBuilder* builder) {
  const ValueId index = BranchIndex(operands[0], choice.by_truth, builder);
  if (!builder->ok()) return Values();
  const auto args = absl::MakeConstSpan(operands).subspan(1);
  const auto number = [&](int branch) { return Tensor::Scalar<int32_t>(choice.merge_inputs[branch]); };
  if (builder->constant(index) != nullptr) {  // what the other branches hold need not even be supported
    MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> which, IntValues(*builder->constant(index)));
    if (which.size() != 1) return MakeError(ErrorCode::kShape, "expected one index of a branch, got ", which.size());
    const int branch = BranchOf(which[0], static_cast<int>(choice.regions.size()));
    MOULIN_ASSIGN_OR_RETURN(Values results, LowerInline(choice.regions[branch], args));
    if (!results.empty() && !choice.merge_inputs.empty()) results.push_back(builder->Constant(number(branch)));
    return results;
  }
  CaseAttrs attrs;
  for (size_t i = 0; i < choice.regions.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Graph> branch, ImportRegion(choice.regions[i], TypesOf(graph_, args)));
    if (branch == nullptr) return Values();
    if (!choice.merge_inputs.empty()) branch->AddOutput("branch", branch->AddConstant(number(static_cast<int>(i))));
    attrs.branches.push_back(std::move(branch));
  }
  Values inputs = {index};
  inputs.insert(inputs.end(), args.begin(), args.end());
  return builder->AddMulti(OpKind::kCase, std::move(attrs), inputs);
}

// A region is imported for the types of its arguments, which a loop may widen: then it is imported anew.
StatusOr<Importer::Values> Importer::LowerLoop(const ControlStructure& loop, const Values& operands,
                                               GraphBuilder* builder) {
  std::vector<TensorType> variables = TypesOf(graph_, operands);
  WhileAttrs attrs;
  for (bool widened = true; widened;) {
    MOULIN_ASSIGN_OR_RETURN(attrs.body, ImportRegion(loop.regions[1], variables));
    if (attrs.body == nullptr) return Values();
    std::vector<TensorType> next;
    for (const GraphOutput& output : attrs.body->outputs()) next.push_back(attrs.body->value(output.value).type);
    MOULIN_ASSIGN_OR_RETURN(widened, WidenTypes(next, &variables));
  }
  MOULIN_ASSIGN_OR_RETURN(attrs.condition, ImportRegion(loop.regions[0], variables));
  if (attrs.condition == nullptr) return Values();
  return builder->AddMulti(OpKind::kWhile, std::move(attrs), operands);
}

StatusOr<Importer::Values> Importer::ResultsOf(const Region& region, Importer* inner) {
  MOULIN_ASSIGN_OR_RETURN(const Reach reach, ReachOfRegion(region, &flat_, &control_));
  MOULIN_RETURN_IF_ERROR(inner->Lower(reach));
  Values results;
  for (const FlatRef ref : region.results) {
    ValueId value = kNoId;
    if (!inner->IsBlocked(ref)) {
      MOULIN_ASSIGN_OR_RETURN(value, inner->ValueOf(ref));
    }
    if (value == kNoId && inner->unsupported_.empty()) inner->Report(ref.node, "this output is not supported");
    results.push_back(value);
  }
  unsupported_.insert(unsupported_.end(), inner->unsupported_.begin(), inner->unsupported_.end());
  return inner->unsupported_.empty() ? results : Values();
}

StatusOr<Importer::Values> Importer::LowerInline(const Region& region, absl::Span<const ValueId> args) {
  Importer inner(&flat_, &control_, &sources_, &graph_);
  for (const auto& [ref, arg] : region.bindings) inner.given_[ref] = args[arg];
  return ResultsOf(region, &inner);
}

StatusOr<std::shared_ptr<Graph>> Importer::ImportRegion(const Region& region, absl::Span<const TensorType> args) {
  auto graph = std::make_shared<Graph>();
  graph->name = region.name;
  Values inputs;
  for (size_t i = 0; i < args.size(); ++i) inputs.push_back(graph->AddInput(absl::StrCat("argument ", i), args[i]));
  Importer inner(&flat_, &control_, &sources_, graph.get());
  for (const auto& [ref, arg] : region.bindings) inner.given_[ref] = inputs[arg];
  MOULIN_ASSIGN_OR_RETURN(const Values results, ResultsOf(region, &inner));
  if (!inner.unsupported_.empty()) return std::shared_ptr<Graph>();
  for (size_t i = 0; i < results.size(); ++i) graph->AddOutput(absl::StrCat("result ", i), results[i]);
  MOULIN_RETURN_IF_ERROR(graph->Compact());
  graph_.ranges.insert(graph->ranges.begin(), graph->ranges.end());  // one table for all, wherever regions end up
  graph->ranges.clear();
  return graph;
}

}  // namespace moulin
