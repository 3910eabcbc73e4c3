// Concat. Tests: tests/ops/layout_test.cc.
#include "ops/layout.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// The operands' common rank; -1 where no operand's is known.
StatusOr<int> CommonRank(const InferContext& c) {
  int rank = -1;
  for (int i = 1; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(1), c.dtype(i), "the operands of Concat"));
    if (!c.shape(i).has_rank()) continue;
    if (rank >= 0 && rank != c.shape(i).rank()) {
      return MakeError(ErrorCode::kShape, "the operands of Concat must have one rank: expected ", rank, ", got shape ",
                       c.shape(i).ToString());
    }
    rank = c.shape(i).rank();
  }
  return rank;
}

}  // namespace

Status InferConcat(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 0, "the axis of Concat"));
  MOULIN_ASSIGN_OR_RETURN(const int rank, CommonRank(c));
  if (rank < 0 || !axis) {
    c.Add(c.dtype(1), rank < 0 ? PartialShape() : PartialShape::OfRank(rank));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(*axis, rank, "the axis of Concat"));
  PartialShape out = PartialShape::OfRank(rank);
  int64_t sum = 0;
  for (int i = 1; i < c.num_inputs(); ++i) {
    PartialShape rest = c.shape(i);
    const int64_t size = rest.has_rank() ? rest.dim(a) : kUnknownDim;
    const std::optional<int64_t> next = AddDims(sum, size);
    if (!next) return MakeError(ErrorCode::kShape, "the sizes to concatenate overflow 64 bits");
    sum = *next;
    if (rest.has_rank()) rest.set_dim(a, kUnknownDim);
    MOULIN_ASSIGN_OR_RETURN(out, MergeShapes(out, rest, absl::StrCat("operand ", i - 1, " of Concat on axis ", a)));
  }
  out.set_dim(a, sum);
  return AddOutput(c, c.dtype(1), out);
}

Status Concat(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferConcat));
  Tensor& y = c.output(0);
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(0)));
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], y.shape().rank()));
  const int64_t outer = DimProduct(y.shape().dims(), 0, a);
  const int64_t row = DimProduct(y.shape().dims(), a, y.shape().rank());
  int64_t begin = 0;
  for (const Tensor& x : c.inputs.subspan(1)) {
    const int64_t n = DimProduct(x.shape().dims(), a, x.shape().rank());
    for (int64_t i = 0; i < outer; ++i) CopyElements(x, i * n, y, i * row + begin, n);
    begin += n;
  }
  return absl::OkStatus();
}

}  // namespace moulin
