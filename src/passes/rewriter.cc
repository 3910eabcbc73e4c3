#include "passes/rewriter.h"

#include "base/status_macros.h"
#include "passes/shape_facts.h"

namespace moulin {

void Rewriter::Visit(NodeId id) {
  Node& node = graph_.node(id);
  for (ValueId& input : node.inputs) input = Resolve(input);
  builder_.SetOrigin(node.name, node.tf_op);
}

ValueId Rewriter::Resolve(ValueId value) const {
  while (value < static_cast<ValueId>(stands_for_.size()) && stands_for_[value] != kNoId) value = stands_for_[value];
  return value;
}

void Rewriter::Replace(ValueId from, ValueId to) {
  to = to == kNoId ? kNoId : Resolve(to);
  if (to == kNoId || to == from) return;
  if (graph_.value(to).producer != kNoId) {
    // What was known of the one is true of the other; a contradiction is left for infer_shapes to report.
    bool refined = false;
    (void)RefineType(&graph_, to, graph_.value(from).type, &refined);
  }
  if (from >= static_cast<ValueId>(stands_for_.size())) stands_for_.resize(graph_.num_values(), kNoId);
  stands_for_[from] = to;
  replacements_.emplace_back(from, to);
}

StatusOr<bool> Rewriter::Finish() {
  MOULIN_RETURN_IF_ERROR(builder_.status());
  if (replacements_.empty() && !changed_) return false;
  if (!replacements_.empty()) graph_.ReplaceAll(replacements_);
  MOULIN_RETURN_IF_ERROR(graph_.Compact());
  return true;
}

}  // namespace moulin
