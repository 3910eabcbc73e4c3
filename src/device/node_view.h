// A node of concrete types, as whoever prepares a kernel for it looks at it.
#ifndef MOULIN_DEVICE_NODE_VIEW_H_
#define MOULIN_DEVICE_NODE_VIEW_H_

#include <cstdint>
#include <vector>

#include "ir/graph.h"
#include "ops/graph_builder.h"

namespace moulin {

struct NodeView {
  const Graph& graph;
  const Node& node;

  int num_inputs() const { return static_cast<int>(node.inputs.size()); }
  int num_outputs() const { return static_cast<int>(node.outputs.size()); }
  DType dtype(int i) const { return graph.value(node.inputs[i]).type.dtype; }
  Shape shape(int i) const { return graph.value(node.inputs[i]).type.shape.ToShape(); }
  // The elements of input i, or null where it is not a constant.
  const Tensor* constant(int i) const {
    const Value& value = graph.value(node.inputs[i]);
    return value.is_constant() ? &value.constant : nullptr;
  }
  DType output_dtype(int i = 0) const { return graph.value(node.outputs[i]).type.dtype; }
  Shape output_shape(int i = 0) const { return graph.value(node.outputs[i]).type.shape.ToShape(); }
  // The integers of constant input i (int32 or int64), empty where there are none.
  std::vector<int64_t> ints(int i) const {
    const Tensor* tensor = constant(i);
    return tensor == nullptr ? std::vector<int64_t>() : IntValues(*tensor).value_or(std::vector<int64_t>());
  }
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_NODE_VIEW_H_
