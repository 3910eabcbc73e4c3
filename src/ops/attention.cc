// Scaled dot-product attention. Tests: tests/ops/attention_test.cc.
#include "ops/axes.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckOperands(const InferContext& c) {
  if (!IsFloating(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "attention needs a floating type, got ", ShortName(c.dtype(0)));
  }
  for (int i = 0; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(i), "an operand of attention"));
    if (i < 3) MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(i), 2, "an operand of attention"));
  }
  return absl::OkStatus();
}

// The shape of the scores, [..., m, n].
StatusOr<PartialShape> ScoresShape(const PartialShape& q, const PartialShape& k, bool transpose_k) {
  const int n_axis = k.rank() - (transpose_k ? 2 : 1);
  const int d_axis = k.rank() - (transpose_k ? 1 : 2);
  MOULIN_RETURN_IF_ERROR(MergeDims(q.dim(q.rank() - 1), k.dim(d_axis), "the keys' depth").status());
  MOULIN_ASSIGN_OR_RETURN(PartialShape scores,
                          BroadcastPartial(SubShape(q, 0, q.rank() - 2), SubShape(k, 0, k.rank() - 2)));
  scores.push_back(q.dim(q.rank() - 2));
  scores.push_back(k.dim(n_axis));
  return scores;
}

Status InferAttention(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckOperands(c));
  const PartialShape &q = c.shape(0), &k = c.shape(1), &v = c.shape(2);
  if (!q.has_rank() || !k.has_rank() || !v.has_rank()) {
    c.Add(c.dtype(0), PartialShape::UnknownRank());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(PartialShape scores, ScoresShape(q, k, c.attr<AttentionAttrs>().transpose_k));
  if (c.num_inputs() == 4) {  // the mask may widen the scores
    MOULIN_ASSIGN_OR_RETURN(scores, BroadcastPartial(scores, c.shape(3)));
    if (!scores.has_rank()) {
      c.Add(c.dtype(0), PartialShape::UnknownRank());
      return absl::OkStatus();
    }
  }
  const int rank = scores.rank();
  MOULIN_RETURN_IF_ERROR(MergeDims(scores.dim(rank - 1), v.dim(v.rank() - 2), "the number of values").status());
  MOULIN_ASSIGN_OR_RETURN(PartialShape out,
                          BroadcastPartial(SubShape(scores, 0, rank - 2), SubShape(v, 0, v.rank() - 2)));
  out.push_back(scores.dim(rank - 2));
  out.push_back(v.dim(v.rank() - 1));
  return AddOutput(c, c.dtype(0), out);
}

//KERNELS

constexpr OpDef kOps[] = {{OpKind::kAttention, 3, 4, InferAttention, nullptr}};

}  // namespace

absl::Span<const OpDef> AttentionOps() { return kOps; }

}  // namespace moulin
