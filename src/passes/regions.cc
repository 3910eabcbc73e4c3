// Tested by tests/passes/control_flow_test.cc.
#include "passes/regions.h"

#include <algorithm>

namespace moulin {

std::vector<ValueId> InlineRegion(const Graph& region, absl::Span<const ValueId> args, GraphBuilder* builder) {
  std::vector<ValueId> map(region.num_values(), kNoId);
  for (size_t i = 0; i < args.size(); ++i) map[region.inputs()[i]] = args[i];
  const auto mapped = [&](ValueId v) {
    if (map[v] == kNoId && region.value(v).is_constant()) map[v] = builder->Constant(region.value(v).constant);
    return map[v];
  };
  for (const Node& node : region.nodes()) {
    std::vector<ValueId> inputs;
    for (const ValueId v : node.inputs) inputs.push_back(mapped(v));
    builder->SetOrigin(node.name, node.tf_op);
    const std::vector<ValueId> outputs = builder->AddMulti(node.kind, node.attrs, inputs);
    if (!builder->ok()) return {};
    for (size_t port = 0; port < outputs.size(); ++port) map[node.outputs[port]] = outputs[port];
  }
  std::vector<ValueId> results;
  for (const GraphOutput& output : region.outputs()) results.push_back(mapped(output.value));
  return results;
}

namespace {

// The values that the wanted outputs depend on; of a node all outputs or none.
std::vector<bool> ValuesNeeded(const Graph& region, const std::vector<bool>& wanted) {
  std::vector<bool> needed(region.num_values(), false);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) needed[region.outputs()[i].value] = true;
  }
  for (NodeId id = region.num_nodes() - 1; id >= 0; --id) {
    const Node& node = region.node(id);
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return needed[v]; })) continue;
    for (const ValueId v : node.outputs) needed[v] = true;
    for (const ValueId v : node.inputs) needed[v] = true;
  }
  return needed;
}

}  // namespace

std::vector<bool> InputsRead(const Graph& region, const std::vector<bool>& wanted) {
  const std::vector<bool> needed = ValuesNeeded(region, wanted);
  std::vector<bool> read;
  for (const ValueId v : region.inputs()) read.push_back(needed[v]);
  return read;
}

std::shared_ptr<const Graph> Narrowed(const Graph& region, const std::vector<bool>& keep_inputs,
                                      const std::vector<Tensor>& constants, const std::vector<bool>& keep_outputs) {
  auto narrowed = std::make_shared<Graph>();
  narrowed->name = region.name;
  narrowed->precision = region.precision;
  std::vector<ValueId> map(region.num_values(), kNoId);
  std::vector<Tensor> constant_of(region.num_values());  // what stands for inputs that go
  for (size_t i = 0; i < keep_inputs.size(); ++i) {
    const Value& input = region.value(region.inputs()[i]);
    if (keep_inputs[i]) map[region.inputs()[i]] = narrowed->AddInput(input.name(), input.type);
    if (!keep_inputs[i]) constant_of[region.inputs()[i]] = constants[i];
  }
  const auto mapped = [&](ValueId v) {
    const Tensor& constant = region.value(v).is_constant() ? region.value(v).constant : constant_of[v];
    if (map[v] == kNoId && constant.is_valid()) map[v] = narrowed->AddConstant(constant);
    return map[v];
  };
  const std::vector<bool> needed = ValuesNeeded(region, keep_outputs);
  for (const Node& node : region.nodes()) {
    if (!needed[node.outputs[0]]) continue;  // its arguments may have gone
    std::vector<ValueId> inputs;
    std::vector<TensorType> types;
    for (const ValueId v : node.inputs) inputs.push_back(mapped(v));
    for (const ValueId v : node.outputs) types.push_back(region.value(v).type);
    const NodeId copy = narrowed->AddNode(node.kind, node.attrs, inputs, types, node.name, node.tf_op);
    for (size_t port = 0; port < node.outputs.size(); ++port) {
      map[node.outputs[port]] = narrowed->node(copy).outputs[port];
      narrowed->value(map[node.outputs[port]]).names = region.value(node.outputs[port]).names;
    }
  }
  for (size_t i = 0; i < keep_outputs.size(); ++i) {
    if (keep_outputs[i]) narrowed->AddOutput(region.outputs()[i].name, mapped(region.outputs()[i].value));
  }
  return narrowed;
}

}  // namespace moulin
