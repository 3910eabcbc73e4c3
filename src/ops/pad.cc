// Pad. Tests: tests/ops/layout_test.cc.
#include "ops/layout.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

StatusOr<int64_t> PaddedSize(PadMode mode, int axis, int64_t size, int64_t before, int64_t after) {
  if (before < 0 || after < 0) {
    return MakeError(ErrorCode::kShape, "paddings of axis ", axis, " are negative: ", before, " and ", after);
  }
  const int64_t most = mode == PadMode::kSymmetric ? size : size - 1;
  if (mode != PadMode::kConstant && size >= 0 && (before > most || after > most)) {
    return MakeError(ErrorCode::kShape, "paddings ", before, " and ", after, " of axis ", axis, " of size ", size,
                     ": a mirror reaches at most ", most);
  }
  const std::optional<int64_t> padding = AddDims(before, after);
  const std::optional<int64_t> sum = padding ? AddDims(*padding, size) : std::nullopt;
  if (sum) return *sum;
  return MakeError(ErrorCode::kShape, "size ", size, " of axis ", axis, " with paddings ", before, " and ", after,
                   " overflows 64 bits");
}

}  // namespace

Status InferPad(InferContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> paddings, KnownInts(c, 1));
  const PartialShape& table = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckRank(table, 2, "paddings"));
  if (c.num_inputs() > 2) MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(2), "the padding value"));
  if (c.num_inputs() > 2 && KnownElements(c.shape(2)) >= 0 && KnownElements(c.shape(2)) != 1) {
    return MakeError(ErrorCode::kShape, "the padding value must be a scalar, got shape ", c.shape(2).ToString());
  }
  const PartialShape x = c.shape(0);
  const int rank = x.has_rank() ? x.rank() : table.has_rank() ? static_cast<int>(table.dim(0)) : -1;
  if (table.has_rank() && rank >= 0) {
    MOULIN_RETURN_IF_ERROR(MergeShapes(PartialShape{rank, 2}, table, "paddings").status());
  }
  if (rank < 0 || !paddings) {
    c.Add(c.dtype(0), rank < 0 ? PartialShape() : PartialShape::OfRank(rank));
    return absl::OkStatus();
  }
  PartialShape out = PartialShape::OfRank(0);
  for (int i = 0; i < rank; ++i) {
    MOULIN_ASSIGN_OR_RETURN(const int64_t size,
                            PaddedSize(c.attr<PadAttrs>().mode, i, x.has_rank() ? x.dim(i) : kUnknownDim,
                                       (*paddings)[2 * i], (*paddings)[2 * i + 1]));
    out.push_back(size);
  }
  return AddOutput(c, c.dtype(0), out);
}

Status Pad(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferPad));
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  if (x.rank() > kMaxMapRank) return MakeError(ErrorCode::kUnsupported, "padding of rank ", x.rank());
  MOULIN_ASSIGN_OR_RETURN(const Ints paddings, IntValues(c.input(1)));
  const PadMode mode = c.attr<PadAttrs>().mode;
  PadMap map;
  map.mirror = mode != PadMode::kConstant;
  map.edge = mode == PadMode::kSymmetric ? 1 : 0;
  const Shape::Dims strides = RowMajorStrides(x);
  for (int i = 0; i < x.rank(); ++i) map.Push(y.dim(i), paddings[2 * i], x.dim(i), strides[i]);
  GatherElements(c.input(0), c.output(0), map, c.inputs.size() > 2 ? &c.input(2) : nullptr);
  return absl::OkStatus();
}

}  // namespace moulin
