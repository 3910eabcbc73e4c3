#include "passes/specialize.h"

#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

Status Misfit(const Value& input, absl::string_view found) {
  return MakeError(ErrorCode::kShape, "input \"", Printable(input.name()), "\": expected ", input.type.ToString(),
                   ", found ", found);
}

// Checks the fact against the input's declared type, and that its value has the shape that goes with it.
Status CheckFact(const Value& input, const InputFact& fact) {
  if (!input.type.shape.Accepts(fact.shape)) {
    return Misfit(input, absl::StrCat(ShortName(input.type.dtype), fact.shape.ToString()));
  }
  if (fact.value == nullptr) return absl::OkStatus();
  if (fact.value->dtype() == input.type.dtype && fact.value->shape() == fact.shape) return absl::OkStatus();
  return Misfit(input, TensorType{fact.value->dtype(), fact.value->shape()}.ToString());
}

// Lets readers read what replacement[v] says (kNoId: v itself). Unlike Graph::ReplaceAll it leaves the names in place:
// a built-in input is still an input.
void Redirect(const std::vector<ValueId>& replacement, Graph* graph) {
  const auto resolve = [&](ValueId v) {
    return v < static_cast<ValueId>(replacement.size()) && replacement[v] != kNoId ? replacement[v] : v;
  };
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    for (ValueId& v : graph->node(id).inputs) v = resolve(v);
  }
  std::vector<GraphOutput> outputs(graph->outputs().begin(), graph->outputs().end());
  for (GraphOutput& output : outputs) output.value = resolve(output.value);
  graph->SetOutputs(std::move(outputs));
}

}  // namespace

StatusOr<std::shared_ptr<Graph>> Specialize(const Graph& graph, absl::Span<const InputFact> inputs,
                                            const PassOptions& options) {
  if (inputs.size() != graph.inputs().size()) {
    return MakeError(ErrorCode::kArity, "expected ", graph.inputs().size(), " inputs, found ", inputs.size());
  }
  auto special = std::make_shared<Graph>(graph);
  std::vector<ValueId> replacement(special->num_values(), kNoId);
  bool has_values = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueId id = graph.inputs()[i];
    MOULIN_RETURN_IF_ERROR(CheckFact(graph.value(id), inputs[i]));
    special->value(id).type.shape = PartialShape(inputs[i].shape);
    if (inputs[i].value == nullptr) continue;
    replacement[id] = special->AddConstant(*inputs[i].value);
    has_values = true;
  }
  if (has_values) Redirect(replacement, special.get());
  MOULIN_RETURN_IF_ERROR(RunPasses(special.get(), options));
  return special;
}

}  // namespace moulin
