// Runs a whole graph on the reference kernels, node by node: what passes and backends are held against.
#ifndef MOULIN_TESTS_SUPPORT_RUN_GRAPH_H_
#define MOULIN_TESTS_SUPPORT_RUN_GRAPH_H_

#include <vector>

#include "absl/types/span.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "ir/graph.h"
#include "ops/op_def.h"

namespace moulin::testing {

namespace internal {

// Runs one node on values[...], dropping the inputs that nobody reads after it.
inline Status RunNode(const Node& node, std::vector<Tensor>* values, std::vector<int>* readers) {
  std::vector<Tensor> inputs;
  for (const ValueId v : node.inputs) {
    if (!(*values)[v].is_valid()) return MakeError(ErrorCode::kMissingInput, "node \"", node.name, "\" lacks an input");
    inputs.push_back((*values)[v]);
  }
  // A declared type may be unknown in part; the inputs at hand tell the rest. As constants, so that the sizes that
  // they decide are known too.
  Graph single;
  std::vector<ValueId> ids;
  for (const Tensor& t : inputs) ids.push_back(single.AddConstant(t));
  Node bound = node;
  bound.inputs.assign(ids.begin(), ids.end());
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferNode(single, bound, Limits(), &types));
  std::vector<Tensor> outputs;
  MOULIN_RETURN_IF_ERROR(RunReference(node, types, inputs, Limits(), &outputs));
  for (size_t port = 0; port < node.outputs.size(); ++port) (*values)[node.outputs[port]] = outputs[port];
  const Tensor none;
  for (const ValueId v : node.inputs) {
    if (--(*readers)[v] == 0) (*values)[v] = none;
  }
  return absl::OkStatus();
}

}  // namespace internal

// The outputs of `graph` for these inputs, one for each input of the graph, in order.
inline StatusOr<std::vector<Tensor>> RunGraph(const Graph& graph, absl::Span<const Tensor> inputs) {
  if (inputs.size() != graph.inputs().size()) return MakeError(ErrorCode::kArity, "wrong number of inputs");
  std::vector<Tensor> values(graph.num_values());
  std::vector<int> readers(graph.num_values());
  for (ValueId v = 0; v < graph.num_values(); ++v) values[v] = graph.value(v).constant;
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const Node& node : graph.nodes()) {
    for (const ValueId v : node.inputs) ++readers[v];
  }
  for (const GraphOutput& output : graph.outputs()) ++readers[output.value];
  for (const Node& node : graph.nodes()) MOULIN_RETURN_IF_ERROR(internal::RunNode(node, &values, &readers));
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(values[output.value]);
  return outputs;
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_SUPPORT_RUN_GRAPH_H_
