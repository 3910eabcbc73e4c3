// Batched matrix product. Tests: tests/ops/contract_test.cc.
#include "ops/axes.h"
#include "ops/epilogue.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// Rows and columns of an operand as it is multiplied, after its transposition.
struct MatrixDims {
  int64_t rows;
  int64_t cols;
  MatrixDims(const PartialShape& shape, bool transpose)
      : rows(shape.dim(shape.rank() - (transpose ? 1 : 2))), cols(shape.dim(shape.rank() - (transpose ? 2 : 1))) {}
};

StatusOr<PartialShape> ProductShape(const PartialShape& a, const PartialShape& b, const ContractAttrs& attrs) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(a, 2, "the left matrix"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(b, 2, "the right matrix"));
  if (!a.has_rank() || !b.has_rank()) return PartialShape::UnknownRank();
  const MatrixDims left(a, attrs.transpose_a);
  const MatrixDims right(b, attrs.transpose_b);
  if (left.cols >= 0 && right.rows >= 0 && left.cols != right.rows) {
    return MakeError(ErrorCode::kShape, "matrices ", a.ToString(), attrs.transpose_a ? " (transposed)" : "", " and ",
                     b.ToString(), attrs.transpose_b ? " (transposed)" : "", " do not fit: expected ", left.cols,
                     " rows on the right, got ", right.rows);
  }
  MOULIN_ASSIGN_OR_RETURN(PartialShape out,
                          BroadcastPartial(SubShape(a, 0, a.rank() - 2), SubShape(b, 0, b.rank() - 2)));
  out.push_back(left.rows);
  out.push_back(right.cols);
  return out;
}

Status InferContract(InferContext& c) {
  const auto& attrs = c.attr<ContractAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the right matrix"));
  if (!IsFloating(c.dtype(0)) && !IsComplex(c.dtype(0)) && !IsInteger(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "a matrix product needs a numeric type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out, ProductShape(c.shape(0), c.shape(1), attrs));
  MOULIN_ASSIGN_OR_RETURN(const DType type, InferEpilogue(c, attrs.epilogue, 2, {c.dtype(0), out}));
  return AddOutput(c, type, out);
}

//KERNELS

constexpr OpDef kOps[] = {{OpKind::kContract, 2, kAnyNumber, InferContract, nullptr}};

}  // namespace

absl::Span<const OpDef> ContractOps() { return kOps; }

}  // namespace moulin
