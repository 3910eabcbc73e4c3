// Tested by tests/engine/control_test.cc.
#include "engine/control_stage.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/control.h"

namespace moulin::internal {

ControlStage::ControlStage(const Graph& graph, std::shared_ptr<ProgramContext> context)
    : graph_(graph), node_(graph_.node(0)), input_of_value_(graph_.num_values(), -1) {
  for (size_t i = 0; i < graph_.inputs().size(); ++i) input_of_value_[graph_.inputs()[i]] = static_cast<int>(i);
  if (!is_loop()) {
    for (const auto& branch : node_.attr<CaseAttrs>().branches) AddRegion(*branch, context);
    return;
  }
  const WhileAttrs& loop = node_.attr<WhileAttrs>();
  AddRegion(*loop.condition, context);
  Graph body = *loop.body;
  changed_ = KeepChangedVariables(&body);
  AddRegion(body, context);
}

void ControlStage::AddRegion(const Graph& region, std::shared_ptr<ProgramContext> context) {
  auto graph = std::make_shared<Graph>(region);
  graph->precision = graph_.precision;
  graph->ranges = graph_.ranges;
  regions_.push_back(std::make_unique<Program>(std::move(graph), std::move(context)));
}

std::string ControlStage::name() const { return absl::StrCat(Name(node_.kind), ", driven from the host"); }

Tensor ControlStage::ValueOf(ValueId id, absl::Span<const Tensor> inputs, absl::Span<const Tensor> results) const {
  const Value& value = graph_.value(id);
  if (value.is_constant()) return value.constant;
  return value.is_input ? inputs[input_of_value_[id]] : results[value.port];
}

std::vector<Tensor> ControlStage::Operands(absl::Span<const Tensor> inputs) const {
  std::vector<Tensor> operands;
  for (const ValueId v : node_.inputs) operands.push_back(ValueOf(v, inputs, {}));
  return operands;
}

Outputs ControlStage::OutputsOf(absl::Span<const Tensor> inputs, absl::Span<const Tensor> results) const {
  Outputs outputs;
  for (const GraphOutput& output : graph_.outputs()) outputs.push_back(ValueOf(output.value, inputs, results));
  return outputs;
}

StatusOr<Program*> ControlStage::Branch(const Tensor& index) const {
  if (index.dtype() != DType::kInt32 || index.num_elements() != 1) {
    return AtNode(MakeError(ErrorCode::kValue, "expected one int32 that chooses a branch, got ", index.ToString()),
                  node_.name, node_.tf_op);
  }
  return regions_[BranchOf(index.values<int32_t>()[0], static_cast<int>(regions_.size()))].get();
}

void ControlStage::Update(Outputs results, std::vector<Tensor>* variables) const {
  for (size_t i = 0; i < changed_.size(); ++i) (*variables)[changed_[i]] = std::move(results[i]);
}

}  // namespace moulin::internal
