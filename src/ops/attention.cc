// Scaled dot-product attention. Tests: tests/ops/attention_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "ops/axes.h"
#include "ops/element.h"
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

// An operand as doubles, and where a matrix of the batch begins in it.
struct Operand {
  std::vector<double> values;
  Shape::Dims strides;  // of the axes of the full shape [batch..., rows, cols] that it is read as

  // Of the matrix with this number in the batch.
  int64_t Begin(int64_t matrix, const Shape& batch) const {
    int64_t begin = 0;
    for (int axis = batch.rank() - 1; axis >= 0; --axis) {
      begin += matrix % batch.dim(axis) * strides[axis];
      matrix /= batch.dim(axis);
    }
    return begin;
  }
  double At(int64_t begin, int64_t row, int64_t col) const {
    return values[begin + row * strides[strides.size() - 2] + col * strides[strides.size() - 1]];
  }
};

StatusOr<Operand> OperandOf(const Tensor& t, const Shape& batch, int64_t rows, int64_t cols) {
  Operand operand;
  operand.strides = BroadcastStrides(t.shape(), ConcatShapes(batch, Shape({rows, cols})));
  operand.values.resize(t.num_elements());
  MOULIN_RETURN_IF_ERROR(DispatchFloat(t.dtype(), "attention", [&](auto tag) {
    using T = decltype(tag);
    std::transform(t.values<T>().begin(), t.values<T>().end(), operand.values.begin(), Widen<T>);
    return absl::OkStatus();
  }));
  return operand;
}

void SoftmaxInPlace(std::vector<double>* row) {
  const double max = row->empty() ? 0 : *std::max_element(row->begin(), row->end());
  double sum = 0;
  for (double& v : *row) sum += v = std::exp(v - max);
  for (double& v : *row) v /= sum;
}

struct AttentionSizes {
  Shape batch;
  int64_t m, n, d, e;
};

// The scores of query `row` against every key, after the mask.
void ComputeScores(const Operand& q, const Operand& k, const Operand* mask, const AttentionAttrs& attrs,
                   const AttentionSizes& sizes, int64_t matrix, int64_t row, std::vector<double>* scores) {
  const int64_t q_begin = q.Begin(matrix, sizes.batch), k_begin = k.Begin(matrix, sizes.batch);
  for (int64_t j = 0; j < sizes.n; ++j) {
    double product = 0;
    for (int64_t l = 0; l < sizes.d; ++l) {
      product += q.At(q_begin, row, l) * (attrs.transpose_k ? k.At(k_begin, j, l) : k.At(k_begin, l, j));
    }
    (*scores)[j] = product * attrs.scale;
    if (mask != nullptr) (*scores)[j] += mask->At(mask->Begin(matrix, sizes.batch), row, j);
  }
}

Status RunAttention(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferAttention));
  const auto& attrs = c.attr<AttentionAttrs>();
  Tensor& out = c.output(0);
  const int rank = out.shape().rank();
  const Shape &q_shape = c.input(0).shape(), &v_shape = c.input(2).shape();
  const AttentionSizes sizes{SubShape(out.shape(), 0, rank - 2), out.shape().dim(rank - 2),
                             v_shape.dim(v_shape.rank() - 2), q_shape.dim(q_shape.rank() - 1),
                             out.shape().dim(rank - 1)};
  const auto [m, n, d, e] = std::array{sizes.m, sizes.n, sizes.d, sizes.e};
  MOULIN_ASSIGN_OR_RETURN(const Operand q, OperandOf(c.input(0), sizes.batch, m, d));
  MOULIN_ASSIGN_OR_RETURN(const Operand k, attrs.transpose_k ? OperandOf(c.input(1), sizes.batch, n, d)
                                                             : OperandOf(c.input(1), sizes.batch, d, n));
  MOULIN_ASSIGN_OR_RETURN(const Operand v, OperandOf(c.input(2), sizes.batch, n, e));
  std::optional<Operand> mask;
  if (c.inputs.size() == 4) {
    MOULIN_ASSIGN_OR_RETURN(mask, OperandOf(c.input(3), sizes.batch, m, n));
  }
  std::vector<double> scores(n), results;
  results.reserve(out.num_elements());
  for (int64_t matrix = 0; matrix < sizes.batch.num_elements(); ++matrix) {
    const int64_t v_begin = v.Begin(matrix, sizes.batch);
    for (int64_t row = 0; row < m; ++row) {
      ComputeScores(q, k, mask ? &*mask : nullptr, attrs, sizes, matrix, row, &scores);
      SoftmaxInPlace(&scores);
      for (int64_t col = 0; col < e; ++col) {
        double sum = 0;
        for (int64_t j = 0; j < n; ++j) sum += scores[j] * v.At(v_begin, j, col);
        results.push_back(sum);
      }
    }
  }
  return DispatchFloat(out.dtype(), "attention", [&](auto tag) {
    using T = decltype(tag);
    std::transform(results.begin(), results.end(), static_cast<T*>(out.mutable_data()), Narrow<T>);
    return absl::OkStatus();
  });
}

constexpr OpDef kAttentionOps[] = {{OpKind::kAttention, 3, 4, InferAttention, RunAttention}};

}  // namespace

absl::Span<const OpDef> AttentionOps() { return kAttentionOps; }

}  // namespace moulin
