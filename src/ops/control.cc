// Shape functions of Case and While. They have no kernels: the engine runs their graphs as programs of their own
// (engine/program.h), since each may need plans for other shapes in each iteration. Tests: tests/ops/control_test.cc.
#include "ops/control.h"

#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/op_def.h"
#include "ops/op_util.h"

namespace moulin {

PartialShape CommonShape(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return PartialShape();
  PartialShape common = a;
  for (int i = 0; i < a.rank(); ++i) {
    if (a.dim(i) != b.dim(i)) common.set_dim(i, kUnknownDim);
  }
  return common;
}

StatusOr<std::vector<TensorType>> InferRegion(const Graph& region, absl::Span<const TensorType> args,
                                              const Limits& limits) {
  if (args.size() != region.inputs().size()) {
    return MakeError(ErrorCode::kArity, "graph \"", Printable(region.name), "\" takes ", region.inputs().size(),
                     " arguments, got ", args.size());
  }
  Graph typed = region;
  for (size_t i = 0; i < args.size(); ++i) {
    TensorType& type = typed.value(region.inputs()[i]).type;
    if (type.dtype != args[i].dtype) {
      return MakeError(ErrorCode::kDType, "argument ", i, " of graph \"", Printable(region.name), "\": expected ",
                       Name(type.dtype), ", got ", Name(args[i].dtype));
    }
    type = args[i];
  }
  std::vector<TensorType> types;
  for (NodeId id = 0; id < typed.num_nodes(); ++id) {
    types.clear();
    MOULIN_RETURN_IF_ERROR(InferNode(typed, typed.node(id), limits, &types));
    for (size_t port = 0; port < types.size(); ++port) {
      TensorType& known = typed.value(typed.node(id).outputs[port]).type;
      MOULIN_ASSIGN_OR_RETURN(known.shape, MergeShapes(known.shape, types[port].shape, typed.node(id).name));
    }
  }
  std::vector<TensorType> results;
  for (const GraphOutput& output : typed.outputs()) results.push_back(typed.value(output.value).type);
  return results;
}

StatusOr<bool> WidenTypes(absl::Span<const TensorType> others, std::vector<TensorType>* types) {
  if (others.size() != types->size()) {
    return MakeError(ErrorCode::kArity, "one branch or iteration gives ", types->size(), " values, another ",
                     others.size());
  }
  bool widened = false;
  for (size_t i = 0; i < others.size(); ++i) {
    TensorType& type = (*types)[i];
    if (others[i].dtype != type.dtype) {
      return MakeError(ErrorCode::kDType, "value ", i, " is ", Name(type.dtype), " in one branch or iteration, ",
                       Name(others[i].dtype), " in another");
    }
    PartialShape common = CommonShape(type.shape, others[i].shape);
    if (common == type.shape) continue;
    type.shape = std::move(common);
    widened = true;
  }
  return widened;
}

std::vector<int> KeepChangedVariables(Graph* body) {
  std::vector<int> changed;
  std::vector<GraphOutput> outputs;
  for (size_t i = 0; i < body->outputs().size(); ++i) {
    if (body->outputs()[i].value == body->inputs()[i]) continue;
    changed.push_back(static_cast<int>(i));
    outputs.push_back(body->outputs()[i]);
  }
  body->SetOutputs(std::move(outputs));
  return changed;
}

int BranchOf(int64_t index, int num_branches) {
  return index < 0 || index >= num_branches ? num_branches - 1 : static_cast<int>(index);
}

namespace {

// The types that `region` gives, as far as they can be told. What is wrong in a branch that may not be taken, or in a
// loop that may not run, is an error only when it runs.
std::vector<TensorType> KnownTypes(const Graph& region, absl::Span<const TensorType> args, const Limits& limits) {
  StatusOr<std::vector<TensorType>> types = InferRegion(region, args, limits);
  if (types.ok()) return *std::move(types);
  std::vector<TensorType> declared;
  for (const GraphOutput& output : region.outputs()) {
    declared.push_back({region.value(output.value).type.dtype, PartialShape()});
  }
  return declared;
}

Status InferCase(InferContext& c) {
  const auto& branches = c.attr<CaseAttrs>().branches;
  if (branches.empty()) return MakeError(ErrorCode::kAttribute, "expected at least one branch");
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt32, c.dtype(0), "the index of a branch"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 0, "the index of a branch"));
  for (const std::shared_ptr<const Graph>& branch : branches) {
    std::vector<TensorType> types = KnownTypes(*branch, c.inputs.subspan(1), c.limits);
    if (c.outputs->empty()) {
      *c.outputs = std::move(types);
      continue;
    }
    // Either branch may give the result, so that nothing but what both say is known of it.
    MOULIN_RETURN_IF_ERROR(WidenTypes(types, c.outputs).status());
  }
  return absl::OkStatus();
}

Status CheckCondition(absl::Span<const TensorType> types) {
  if (types.size() != 1) return MakeError(ErrorCode::kArity, "expected one condition, got ", types.size());
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kBool, types[0].dtype, "the condition of a loop"));
  return CheckRank(types[0].shape, 0, "the condition of a loop");
}

Status InferWhile(InferContext& c) {
  const WhileAttrs& loop = c.attr<WhileAttrs>();
  std::vector<TensorType> variables(c.inputs.begin(), c.inputs.end());
  for (bool widened = true; widened;) {
    const std::vector<TensorType> next = KnownTypes(*loop.body, variables, c.limits);
    MOULIN_ASSIGN_OR_RETURN(widened, WidenTypes(next, &variables));
  }
  MOULIN_RETURN_IF_ERROR(CheckCondition(KnownTypes(*loop.condition, variables, c.limits)));
  *c.outputs = std::move(variables);
  return absl::OkStatus();
}

constexpr OpDef kControlOps[] = {
    {OpKind::kCase, 1, kAnyNumber, InferCase, nullptr},
    {OpKind::kWhile, 1, kAnyNumber, InferWhile, nullptr},
};

}  // namespace

absl::Span<const OpDef> ControlOps() { return kControlOps; }

}  // namespace moulin
