#include "plan/cost.h"

#include <algorithm>

#include "plan/views.h"

namespace moulin {
namespace {

constexpr double kFlopsPerNs = 50;
constexpr double kBytesPerNs = 8;
constexpr double kLaunchNs = 500;

double NumElements(const Graph& graph, ValueId value) {
  const PartialShape& shape = graph.value(value).type.shape;
  return shape.IsFullyKnown() ? static_cast<double>(shape.ToShape().num_elements()) : 0;
}

double LastDim(const Graph& graph, ValueId value) {
  const PartialShape& shape = graph.value(value).type.shape;
  return shape.IsFullyKnown() && shape.rank() > 0
             ? std::max<double>(1, static_cast<double>(shape.dim(shape.rank() - 1)))
             : 1;
}

double Flops(const Graph& graph, const Node& node) {
  const double outputs = NumElements(graph, node.outputs[0]);
  switch (node.kind) {
    case OpKind::kConv:
      return 2 * outputs * NumElements(graph, node.inputs[1]) / LastDim(graph, node.inputs[1]);
    case OpKind::kConvTranspose:
      return 2 * NumElements(graph, node.inputs[2]) * NumElements(graph, node.inputs[1]) /
             LastDim(graph, node.inputs[1]);
    case OpKind::kContract: {
      const PartialShape& a = graph.value(node.inputs[0]).type.shape;
      if (!a.IsFullyKnown() || a.rank() < 2) return 0;
      return 2 * outputs * static_cast<double>(a.dim(a.rank() - (node.attr<ContractAttrs>().transpose_a ? 2 : 1)));
    }
    case OpKind::kMap:
      return outputs * node.attr<MapAttrs>().expr.size();
    default:
      return outputs;
  }
}

}  // namespace

double EstimateCostNs(const Graph& graph, const Node& node) {
  if (node.outputs.empty()) return kLaunchNs;
  double bytes = 0;
  for (ValueId v : node.inputs) bytes += static_cast<double>(ValueBytes(graph, v));
  for (ValueId v : node.outputs) bytes += static_cast<double>(ValueBytes(graph, v));
  return kLaunchNs + std::max(Flops(graph, node) / kFlopsPerNs, bytes / kBytesPerNs);
}

}  // namespace moulin
