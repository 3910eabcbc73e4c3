// Finds softmax written out over the innermost axis, exp(x - max(x)) / sum(exp(x - max(x))), and its logarithm,
// (x - max(x)) - log(sum(exp(x - max(x)))). The maximum must be there: without it a large x overflows, which the
// primitive would not reproduce.
#include <optional>
#include <vector>

#include "passes/pass.h"
#include "passes/reduce_facts.h"
#include "passes/rewriter.h"
#include "passes/term.h"

namespace moulin {
namespace {

class SoftmaxMatcher {
 public:
  explicit SoftmaxMatcher(const Graph& graph) : graph_(graph), terms_(graph) {}

  struct Match {
    ValueId x = kNoId;
    bool log = false;
  };

  std::optional<Match> Find(ValueId result) const {
    const TermRef root = terms_.Of(result);
    std::optional<Match> match;
    if (terms_.Is(root, ExprOp::kDiv)) {
      match = MatchRatio(terms_.Operand(root, 0), terms_.Operand(root, 1));
    } else if (terms_.Is(root, ExprOp::kMul)) {
      match = MatchReciprocal(terms_.Operand(root, 0), terms_.Operand(root, 1));
      if (!match) match = MatchReciprocal(terms_.Operand(root, 1), terms_.Operand(root, 0));
    } else if (terms_.Is(root, ExprOp::kSub)) {
      match = MatchLog(terms_.Operand(root, 0), terms_.Operand(root, 1));
    }
    if (!match || !IsFloating(graph_.value(match->x).type.dtype)) return std::nullopt;
    // Nothing but x decides the shape; a result of another type was cast within.
    return graph_.value(match->x).type.dtype == graph_.value(result).type.dtype ? match : std::nullopt;
  }

 private:
  std::optional<Match> MatchRatio(TermRef exponential, TermRef sum) const {
    const ValueId x = MatchExponential(exponential);
    if (x == kNoId || !IsSumOf(sum, exponential)) return std::nullopt;
    return Match{x, /*log=*/false};
  }

  std::optional<Match> MatchReciprocal(TermRef exponential, TermRef reciprocal) const {
    if (!terms_.Is(reciprocal, ExprOp::kReciprocal)) return std::nullopt;
    return MatchRatio(exponential, terms_.Operand(reciprocal, 0));
  }

  std::optional<Match> MatchLog(TermRef shifted, TermRef log_sum) const {
    const ValueId x = MatchShifted(shifted);
    if (x == kNoId || !terms_.Is(log_sum, ExprOp::kLog)) return std::nullopt;
    const TermRef sum = terms_.Operand(log_sum, 0);
    const ValueId summed = ReducedLast(graph_, terms_.Producer(sum, OpKind::kReduce), ReduceOp::kSum);
    if (summed == kNoId) return std::nullopt;
    const TermRef exponential = terms_.Of(summed);
    if (!terms_.Is(exponential, ExprOp::kExp) || terms_.Operand(exponential, 0) != shifted) return std::nullopt;
    return Match{x, /*log=*/true};
  }

  // The x of exp(x - max(x)).
  ValueId MatchExponential(TermRef term) const {
    return terms_.Is(term, ExprOp::kExp) ? MatchShifted(terms_.Operand(term, 0)) : kNoId;
  }

  // The x of x - max(x).
  ValueId MatchShifted(TermRef term) const {
    if (!terms_.Is(term, ExprOp::kSub)) return kNoId;
    const Node* reduce = terms_.Producer(terms_.Operand(term, 1), OpKind::kReduce);
    const ValueId x = ReducedLast(graph_, reduce, ReduceOp::kMax);
    return x != kNoId && terms_.Of(x) == terms_.Operand(term, 0) ? x : kNoId;
  }

  bool IsSumOf(TermRef sum, TermRef summand) const {
    const ValueId summed = ReducedLast(graph_, terms_.Producer(sum, OpKind::kReduce), ReduceOp::kSum);
    return summed != kNoId && terms_.Of(summed) == summand;
  }

  const Graph& graph_;
  const Terms terms_;
};

}  // namespace

StatusOr<bool> RecognizeSoftmax(Graph* graph, const PassOptions& options) {
  Rewriter rewriter(graph, options);
  const SoftmaxMatcher matcher(*graph);
  for (NodeId id = 0; id < rewriter.num_nodes(); ++id) {
    rewriter.Visit(id);
    if (graph->node(id).kind != OpKind::kMap) continue;
    const ValueId result = graph->node(id).outputs[0];
    if (const auto match = matcher.Find(result)) {
      rewriter.Replace(result, rewriter.builder().Add(OpKind::kSoftmax, SoftmaxAttrs{match->log}, {match->x}));
    }
  }
  return rewriter.Finish();
}

}  // namespace moulin
