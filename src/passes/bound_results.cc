// Gives results whose length depends on data a length that is known, where there is a greatest one: NonMaxSuppression
// selects into a padded result and says how many boxes are in it, and a Slice takes those. So the device computes the
// node; the count is read when the stage ends (plan/stage.h), and the Slice is part of the next one.
#include <algorithm>
#include <vector>

#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

// The most boxes that a NonMaxSuppression can select; -1 where that is not known, or no good number.
int64_t MostSelected(const GraphBuilder& b, const Node& node) {
  std::vector<int64_t> wanted;
  const int64_t boxes = NumElements(b.shape(node.inputs[1]));
  if (!b.ConstantInts(node.inputs[2], &wanted) || wanted.size() != 1 || boxes < 0) return -1;
  return std::min(wanted[0], boxes);
}

class ResultBounder {
 public:
  explicit ResultBounder(Rewriter* rewriter) : rewriter_(*rewriter), b_(rewriter->builder()) {}

  void Visit(NodeId id) {
    rewriter_.Visit(id);
    const Node node = rewriter_.graph().node(id);  // a copy: nodes are added
    if (node.kind != OpKind::kNonMaxSuppression) return;
    const auto& attrs = node.attr<NonMaxSuppressionAttrs>();
    const int64_t most = MostSelected(b_, node);
    if (most >= 0 && !(attrs.version >= 4 && attrs.pad_to_max_output_size)) Bound(node, attrs.version, most);
  }

 private:
  void Bound(const Node& node, int version, int64_t most) {
    std::vector<ValueId> operands(node.inputs.begin(), node.inputs.end());
    operands[2] = b_.Int(most);
    const NonMaxSuppressionAttrs padded{std::max(version, 4), /*pad_to_max_output_size=*/true};
    const std::vector<ValueId> results = b_.AddMulti(OpKind::kNonMaxSuppression, padded, operands);
    if (!b_.ok()) return;
    const ValueId count = results.back();
    const ValueId size = b_.ExpandDims(count, 0);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const bool is_count = version >= 4 && i + 1 == node.outputs.size();
      rewriter_.Replace(node.outputs[i],
                        is_count ? count : b_.Add(OpKind::kSlice, NoAttrs{}, {results[i], b_.Ints({0}), size}));
    }
  }

  Rewriter& rewriter_;
  GraphBuilder& b_;
};

}  // namespace

StatusOr<bool> BoundResults(Graph* graph, const PassOptions& options) {
  if (!options.bound_results) return false;
  Rewriter rewriter(graph, options);
  ResultBounder bounder(&rewriter);
  for (NodeId id = 0; id < rewriter.num_nodes(); ++id) bounder.Visit(id);
  return rewriter.Finish();
}

}  // namespace moulin
