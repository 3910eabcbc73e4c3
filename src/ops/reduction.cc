// Reductions along axes, and running ones. Tests: tests/ops/reduction_test.cc.
#include "ops/axes.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

bool IsNumber(DType type) { return IsFloating(type) || IsComplex(type) || IsInteger(type); }

Status CheckReducible(ReduceOp op, DType type) {
  const bool logical = op == ReduceOp::kAny || op == ReduceOp::kAll;
  const bool ordered = op == ReduceOp::kMax || op == ReduceOp::kMin;
  if (logical ? type == DType::kBool : IsNumber(type) && !(ordered && IsComplex(type))) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "a reduction of this kind needs ",
                   logical ? "bool" : ordered ? "a real type" : "a numeric type", ", got ", ShortName(type));
}

// The shape of `x` without `axes`, or with size 1 there.
PartialShape ReducedShape(const PartialShape& x, absl::Span<const int> axes, bool keep_dims) {
  PartialShape out = PartialShape::OfRank(0);
  size_t next = 0;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = next < axes.size() && axes[next] == i;
    next += reduced;
    if (!reduced) out.push_back(x.dim(i));
    if (reduced && keep_dims) out.push_back(1);
  }
  return out;
}

// What is known before the axes are.
PartialShape ReducedShapeOfUnknownAxes(const PartialShape& x, const PartialShape& axes, bool keep_dims) {
  if (!x.has_rank()) return PartialShape::UnknownRank();
  if (keep_dims) return PartialShape::OfRank(x.rank());
  const int64_t count = KnownElements(axes);
  return count < 0 || count > x.rank() ? PartialShape::UnknownRank() : PartialShape::OfRank(x.rank() - count);
}

Status InferReduce(InferContext& c) {
  const auto& attrs = c.attr<ReduceAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckReducible(attrs.op, c.dtype(0)));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> axes, KnownInts(c, 1));
  if (!axes || !c.shape(0).has_rank()) {
    c.Add(c.dtype(0), ReducedShapeOfUnknownAxes(c.shape(0), c.shape(1), attrs.keep_dims));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> normal, NormalizeAxes(*axes, c.shape(0).rank()));
  return AddOutput(c, c.dtype(0), ReducedShape(c.shape(0), normal, attrs.keep_dims));
}

Status InferArgReduce(InferContext& c) {
  const auto& attrs = c.attr<ArgReduceAttrs>();
  const PartialShape& x = c.shape(0);
  if (!IsNumber(c.dtype(0)) && c.dtype(0) != DType::kBool) {
    return MakeError(ErrorCode::kDType, "an arg reduction needs a numeric type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 1, "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis"));
  if (!axis || !x.has_rank()) {
    c.Add(attrs.index_type, x.has_rank() ? PartialShape::OfRank(x.rank() - 1) : PartialShape::UnknownRank());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(*axis, x.rank()));
  if (x.dim(a) == 0) {
    return MakeError(ErrorCode::kShape, "axis ", a, " of ", x.ToString(), " is empty: expected one element or more");
  }
  return AddOutput(c, attrs.index_type, ReducedShape(x, {a}, /*keep_dims=*/false));
}

Status InferScan(InferContext& c) {
  const bool floats_only = c.attr<ScanAttrs>().op == ScanOp::kLogSumExp;
  if (floats_only ? !IsFloating(c.dtype(0)) : !IsNumber(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "a scan of this kind needs ", floats_only ? "a floating" : "a numeric",
                     " type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis"));
  if (axis && c.shape(0).has_rank()) MOULIN_RETURN_IF_ERROR(NormalizeAxis(*axis, c.shape(0).rank()).status());
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

//KERNELS

constexpr OpDef kOps[] = {
    {OpKind::kReduce, 2, 2, InferReduce, nullptr, Input(1)},
    {OpKind::kArgReduce, 2, 2, InferArgReduce, nullptr, Input(1)},
    {OpKind::kScan, 2, 2, InferScan, nullptr, Input(1)},
};

}  // namespace

absl::Span<const OpDef> ReductionOps() { return kOps; }

}  // namespace moulin
