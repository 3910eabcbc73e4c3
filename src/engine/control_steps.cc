// Tested by tests/cuda/device/control_test.cc.
#include "engine/control_steps.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/types/span.h"
#include "ops/control.h"
#include "passes/specialize.h"

namespace moulin::internal {
namespace {

std::optional<Attrs> SettledAttrs(const PassOptions& passes, const Graph& graph, const Node& node);

// `region` for operands of these types; null where it cannot be settled what it runs.
std::shared_ptr<const Graph> Settled(const PassOptions& passes, const Graph& graph, const Graph& region,
                                     absl::Span<const ValueId> operands) {
  std::vector<InputFact> facts;
  for (const ValueId v : operands) {
    const PartialShape& shape = graph.value(v).type.shape;
    if (!shape.IsFullyKnown()) return nullptr;
    facts.push_back({shape.ToShape(), nullptr});
  }
  Graph whole = region;
  whole.precision = graph.precision;
  whole.ranges = graph.ranges;
  StatusOr<std::shared_ptr<Graph>> settled = Specialize(whole, facts, passes);
  if (!settled.ok()) return nullptr;
  for (NodeId n = 0; n < (*settled)->num_nodes(); ++n) {
    if (!HasRegions((*settled)->node(n).kind)) continue;
    std::optional<Attrs> attrs = SettledAttrs(passes, **settled, (*settled)->node(n));
    if (!attrs.has_value()) return nullptr;
    (*settled)->node(n).attrs = *std::move(attrs);
  }
  return *std::move(settled);
}

std::optional<Attrs> SettledAttrs(const PassOptions& passes, const Graph& graph, const Node& node) {
  if (node.kind == OpKind::kWhile) {
    const WhileAttrs& loop = node.attr<WhileAttrs>();
    WhileAttrs settled;
    settled.condition = Settled(passes, graph, *loop.condition, node.inputs);
    settled.body = Settled(passes, graph, *loop.body, node.inputs);
    if (settled.condition == nullptr || settled.body == nullptr) return std::nullopt;
    return settled;
  }
  CaseAttrs settled;
  for (const auto& branch : node.attr<CaseAttrs>().branches) {
    settled.branches.push_back(Settled(passes, graph, *branch, absl::MakeConstSpan(node.inputs).subspan(1)));
    if (settled.branches.back() == nullptr) return std::nullopt;
  }
  return settled;
}

bool HasKernel(Device& device, const Graph& graph, const Node& node) {
  const StatusOr<std::shared_ptr<const Kernel>> kernel = device.Prepare(graph, node);
  return kernel.ok() && (*kernel)->space() == MemorySpace::kDevice;
}

}  // namespace

std::vector<NodeId> FindControlSteps(Device& device, const PassOptions& passes, Graph* graph) {
  std::vector<NodeId> steps;
  if (!device.info().control_steps) return steps;
  for (NodeId n = 0; n < graph->num_nodes(); ++n) {
    Node& node = graph->node(n);
    if (!HasRegions(node.kind)) continue;
    std::optional<Attrs> attrs = SettledAttrs(passes, *graph, node);
    if (!attrs.has_value()) continue;
    std::swap(node.attrs, *attrs);
    if (HasKernel(device, *graph, node)) {
      steps.push_back(n);
    } else {
      std::swap(node.attrs, *attrs);
    }
  }
  return steps;
}

}  // namespace moulin::internal
