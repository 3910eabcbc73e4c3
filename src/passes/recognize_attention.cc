// Finds scaled dot-product attention: softmax(scale * q k^T + mask) v, with or without the mask and the scale.
//
// The scores and probabilities must have no other reader, and all batch axes must be known and alike, for Attention
// does not broadcast q, k and v. The scale may be a multiplication or a division by a scalar, on its own or in an
// epilogue.
#include <optional>
#include <vector>

#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"
#include "passes/term.h"

namespace moulin {
namespace {

// scale * (product of `contract`) + mask
struct Scores {
  NodeId contract = kNoId;
  double scale = 1;
  std::optional<TermRef> mask;
};

class AttentionMatcher {
 public:
  explicit AttentionMatcher(const Graph& graph) : graph_(graph), terms_(graph), uses_(UseCounts(graph)) {}

  const Terms& terms() const { return terms_; }

  // The scores that Contract `node` takes the softmax of as its first operand, if it does.
  std::optional<Scores> Find(const Node& node) const {
    const ContractAttrs& attrs = node.attr<ContractAttrs>();
    if (attrs.transpose_a || attrs.transpose_b || attrs.conjugate_a || attrs.conjugate_b) return std::nullopt;
    const Node* softmax = terms_.Producer({node.inputs[0], TermRef::kLeaf}, OpKind::kSoftmax);
    if (softmax == nullptr || softmax->attr<SoftmaxAttrs>().log || uses_[node.inputs[0]] != 1) return std::nullopt;
    Scores scores;
    if (!MatchScores(terms_.Of(softmax->inputs[0]), /*may_mask=*/true, &scores)) return std::nullopt;
    if (!HasFittingShapes(node, softmax->inputs[0], scores)) return std::nullopt;
    return scores;
  }

 private:
  bool MatchScores(TermRef term, bool may_mask, Scores* scores) const {
    if (uses_[term.value] != 1) return false;  // the scores, or a step towards them, are wanted elsewhere too
    if (terms_.Producer(term, OpKind::kContract) != nullptr) {
      scores->contract = graph_.value(term.value).producer;
      return true;
    }
    if (term.is_leaf()) return false;
    const TermRef a = terms_.Operand(term, 0);
    switch (terms_.instr(term).op) {
      case ExprOp::kAdd: {
        const TermRef b = terms_.Operand(term, 1);
        return may_mask && (MatchMasked(a, b, scores) || MatchMasked(b, a, scores));
      }
      case ExprOp::kMul: {
        const TermRef b = terms_.Operand(term, 1);
        return MatchScaled(a, terms_.Scalar(b), scores) || MatchScaled(b, terms_.Scalar(a), scores);
      }
      case ExprOp::kDiv: {
        const auto divisor = terms_.Scalar(terms_.Operand(term, 1));
        return divisor && *divisor != 0 && MatchScaled(a, 1 / *divisor, scores);
      }
      default:
        return false;
    }
  }

  bool MatchScaled(TermRef term, std::optional<double> factor, Scores* scores) const {
    if (!factor || !MatchScores(term, /*may_mask=*/false, scores)) return false;
    scores->scale *= *factor;
    return true;
  }

  bool MatchMasked(TermRef term, TermRef mask, Scores* scores) const {
    Scores unmasked;
    if (!MatchScores(term, /*may_mask=*/false, &unmasked)) return false;
    *scores = unmasked;
    scores->mask = mask;
    return true;
  }

  bool HasFittingShapes(const Node& node, ValueId score_value, const Scores& scores) const {
    const Node& product = graph_.node(scores.contract);
    const ContractAttrs& attrs = product.attr<ContractAttrs>();
    if (attrs.transpose_a || attrs.conjugate_a || attrs.conjugate_b) return false;
    const TensorType& q = graph_.value(product.inputs[0]).type;
    const TensorType& k = graph_.value(product.inputs[1]).type;
    const TensorType& v = graph_.value(node.inputs[1]).type;
    const TensorType& s = graph_.value(score_value).type;
    if (!IsFloating(q.dtype) || s.dtype != q.dtype || v.dtype != q.dtype) return false;
    if (q.shape.rank() < 2 || k.shape.rank() != q.shape.rank() || v.shape.rank() != q.shape.rank()) return false;
    for (int i = 0; i < q.shape.rank() - 2; ++i) {
      const int64_t size = q.shape.dim(i);
      if (size == kUnknownDim || k.shape.dim(i) != size || v.shape.dim(i) != size) return false;
    }
    return !scores.mask || MaskFits(*scores.mask, graph_.value(product.outputs[0]).type, s);
  }

  // Whether the mask is of the scores' type and does not widen them. One inside an expression has no shape of its own,
  // but broadcasts to that of the scores.
  bool MaskFits(TermRef mask, const TensorType& product, const TensorType& scores) const {
    const ValueId value = terms_.ValueOf(mask);
    if (value == kNoId) {
      return !mask.is_leaf() && terms_.instr(mask).type == scores.dtype && SurelyEqual(product.shape, scores.shape);
    }
    const TensorType& type = graph_.value(value).type;
    return type.dtype == scores.dtype && SurelyBroadcastsTo(type.shape, product.shape);
  }

  const Graph& graph_;
  const Terms terms_;
  const std::vector<int> uses_;
};

// Builds what replaces the result of `node`, with the epilogue that it may have had.
ValueId BuildAttention(const Node& node, const Node& product, const Scores& scores, const Terms& terms,
                       GraphBuilder* b) {
  std::vector<ValueId> inputs = {product.inputs[0], product.inputs[1], node.inputs[1]};
  if (scores.mask) {
    const ValueId mask = terms.Materialize(*scores.mask, b);
    if (mask == kNoId) return kNoId;
    inputs.push_back(mask);
  }
  const AttentionAttrs attrs{scores.scale, product.attr<ContractAttrs>().transpose_b};
  const ValueId result = b->Add(OpKind::kAttention, attrs, inputs);
  const Expr& epilogue = node.attr<ContractAttrs>().epilogue;
  if (epilogue.empty()) return result;
  std::vector<ValueId> epilogue_inputs(node.inputs.begin() + 1, node.inputs.end());
  epilogue_inputs[0] = result;
  return b->Map(epilogue, epilogue_inputs);
}

}  // namespace

StatusOr<bool> RecognizeAttention(Graph* graph, const PassOptions& options) {
  const AttentionMatcher matcher(*graph);
  std::vector<std::pair<NodeId, Scores>> matches;
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    if (graph->node(id).kind != OpKind::kContract) continue;
    if (const auto scores = matcher.Find(graph->node(id))) matches.emplace_back(id, *scores);
  }
  Rewriter rewriter(graph, options);
  for (const auto& [id, scores] : matches) {
    rewriter.Visit(id);
    const Node node = graph->node(id);  // copies, for the builder moves nodes
    const Node product = graph->node(scores.contract);
    rewriter.Replace(node.outputs[0], BuildAttention(node, product, scores, matcher.terms(), &rewriter.builder()));
  }
  return rewriter.Finish();
}

}  // namespace moulin
