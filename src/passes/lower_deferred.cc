// Puts primitives in the place of deferred ops (ops/deferred.h) whose operands' shapes have become known, and the
// elements of those operands that they need. One may give another the shapes that it waits for, so shapes are inferred
// and constants folded in between.
#include <algorithm>

#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/deferred.h"
#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

bool HasDeferred(const Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(),
                     [](const Node& node) { return node.kind == OpKind::kDeferred; });
}

class Lowerer {
 public:
  Lowerer(Graph* graph, const PassOptions& options)
      : graph_(*graph), options_(options), rewriter_(graph, options), uses_(UseCounts(*graph)) {}

  // Lowers what is ready; whether anything was.
  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      if (graph_.node(id).kind != OpKind::kDeferred || !IsReady(graph_.node(id))) continue;
      const Node node = graph_.node(id);  // a copy, for nodes are added
      MOULIN_RETURN_IF_ERROR(AtNode(Lower(id, node), node.name, node.tf_op));
    }
    return rewriter_.Finish();
  }

 private:
  bool IsReady(const Node& node) const {
    const InputMask needed = node.attr<DeferredAttrs>().constant_inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Value& value = graph_.value(node.inputs[i]);
      const bool needs_elements = i < 64 && (needed & Input(static_cast<int>(i))) != 0;
      if (!value.type.shape.IsFullyKnown() || (needs_elements && !value.is_constant())) return false;
    }
    return true;
  }

  Status Lower(NodeId id, const Node& node) {
    const auto& attrs = node.attr<DeferredAttrs>();
    GraphBuilder builder(&graph_, options_.limits);
    builder.SetOrigin(node.name, node.tf_op);
    MOULIN_ASSIGN_OR_RETURN(const DeferredLowering::Result result, attrs.lowering->Lower(node.inputs, &builder));
    if (!result.waits_for.empty()) return WaitOn(result, &graph_.node(id));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId value = i < result.outputs.size() ? result.outputs[i] : kNoId;
      if (value == kNoId && uses_[node.outputs[i]] > 0) {
        return MakeError(ErrorCode::kUnsupported, "output ", i, " is not supported");
      }
      rewriter_.Replace(node.outputs[i], value);
    }
    return absl::OkStatus();
  }

  // Elements of further inputs are worth waiting for; with all shapes known there is nothing else to come.
  Status WaitOn(const DeferredLowering::Result& result, Node* node) {
    DeferredAttrs attrs = node->attr<DeferredAttrs>();
    const InputMask more = result.constant_inputs & ~attrs.constant_inputs;
    if (more == 0) return MakeError(ErrorCode::kUnsupported, result.waits_for);
    attrs.constant_inputs |= more;
    attrs.waits_for = result.waits_for;
    node->attrs = std::move(attrs);
    rewriter_.MarkChanged();
    return absl::OkStatus();
  }

  Graph& graph_;
  const PassOptions& options_;
  Rewriter rewriter_;
  const std::vector<int> uses_;
};

}  // namespace

StatusOr<bool> LowerDeferred(Graph* graph, const PassOptions& options) {
  bool changed = false;
  while (HasDeferred(*graph)) {
    MOULIN_ASSIGN_OR_RETURN(const bool again, Lowerer(graph, options).Run());
    if (!again) break;
    changed = true;
    MOULIN_RETURN_IF_ERROR(InferShapes(graph, options).status());
    MOULIN_RETURN_IF_ERROR(FoldConstants(graph, options).status());
  }
  return changed;
}

}  // namespace moulin
