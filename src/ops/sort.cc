// The largest elements, and the distinct ones. Tests: tests/ops/sort_test.cc.
#include "ops/axes.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status InferTopK(InferContext& c) {
  const auto& attrs = c.attr<TopKAttrs>();
  if (!IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "top-k needs a real type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> k, KnownInt(c, 1, "k"));
  if (k && *k < 0) return MakeError(ErrorCode::kValue, "k is ", *k, ": expected 0 or more");
  PartialShape out = c.shape(0);
  if (out.has_rank()) {
    const int last = out.rank() - 1;
    if (k && out.dim(last) >= 0 && *k > out.dim(last)) {
      return MakeError(ErrorCode::kValue, "k is ", *k, ": expected at most the innermost size of ", out.ToString());
    }
    out.set_dim(last, k ? *k : kUnknownDim);
  }
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), out));
  return AddOutput(c, attrs.index_type, out);
}

// The axis along which slices are compared; none given means the operand is a vector.
StatusOr<int> UniqueAxis(absl::Span<const int64_t> axis, const PartialShape& x) {
  if (axis.size() == 1) return NormalizeAxis(axis[0], x.rank());
  if (!axis.empty()) return MakeError(ErrorCode::kShape, "unique: expected one axis or none, got ", axis.size());
  MOULIN_RETURN_IF_ERROR(CheckRank(x, 1, "the operand of unique without an axis"));
  return 0;
}

Status InferUnique(InferContext& c) {
  const auto& attrs = c.attr<UniqueAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> axis, KnownInts(c, 1));
  PartialShape values = c.shape(0);
  int64_t count = kUnknownDim;
  if (axis && values.has_rank()) {
    MOULIN_ASSIGN_OR_RETURN(const int a, UniqueAxis(*axis, values));
    count = values.dim(a);
    values.set_dim(a, kUnknownDim);
  } else if (values.has_rank()) {
    values = PartialShape::OfRank(values.rank());
  }
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), values));
  MOULIN_RETURN_IF_ERROR(AddOutput(c, attrs.index_type, PartialShape({count})));
  return AddOutput(c, attrs.index_type, PartialShape({kUnknownDim}));
}

//KERNELS

constexpr OpDef kOps[] = {
    {OpKind::kTopK, 2, 2, InferTopK, nullptr, Input(1)},
    {OpKind::kUnique, 2, 2, InferUnique, nullptr, Input(1), /*dynamic_output=*/true},
};

}  // namespace

absl::Span<const OpDef> SortOps() { return kOps; }

}  // namespace moulin
