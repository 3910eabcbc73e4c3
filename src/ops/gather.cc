// Gather, GatherNd, OneHot; ScatterNd and TensorScatter are in scatter.cc. Tests: tests/ops/gather_test.cc.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op_util.h"
#include "ops/scatter.h"

namespace moulin {
namespace {

// --- Gather ---

StatusOr<int> BatchDims(int64_t batch_dims, int indices_rank) {
  if (batch_dims < -indices_rank || batch_dims > indices_rank) {
    return MakeError(ErrorCode::kAttribute, "batch_dims ", batch_dims, " is outside [", -indices_rank, ", ",
                     indices_rank, "]");
  }
  return static_cast<int>(batch_dims < 0 ? batch_dims + indices_rank : batch_dims);
}

// The resolved operands of a Gather on known ranks.
struct GatherAxes {
  int axis;
  int batch;
};

StatusOr<GatherAxes> ResolveGather(int64_t axis, int64_t batch_dims, int x_rank, int indices_rank) {
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis, x_rank, "the axis of Gather"));
  MOULIN_ASSIGN_OR_RETURN(const int b, BatchDims(batch_dims, indices_rank));
  if (b > a) return MakeError(ErrorCode::kAttribute, "batch_dims ", b, " is above the axis ", a);
  return GatherAxes{a, b};
}

Status InferGather(InferContext& c) {
  const PartialShape& x = c.shape(0);
  const PartialShape& indices = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckIndexType(c.dtype(1), "gather indices"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 2, "the axis of Gather"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 1, "the operand of Gather"));
  if (!x.has_rank() || !indices.has_rank()) {
    c.Add(c.dtype(0), PartialShape());
    return absl::OkStatus();
  }
  const int64_t batch_dims = c.attr<GatherAttrs>().batch_dims;
  if (!axis) {
    MOULIN_ASSIGN_OR_RETURN(const int b, BatchDims(batch_dims, indices.rank()));
    c.Add(c.dtype(0), PartialShape::OfRank(x.rank() - 1 + indices.rank() - b));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const GatherAxes g, ResolveGather(*axis, batch_dims, x.rank(), indices.rank()));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape batch, MergeShapes(SubShape(x, 0, g.batch), SubShape(indices, 0, g.batch),
                                                                "the batch axes of Gather"));
  const PartialShape outer = ConcatShapes(batch, SubShape(x, g.batch, g.axis));
  const PartialShape gathered = ConcatShapes(outer, SubShape(indices, g.batch, indices.rank()));
  return AddOutput(c, c.dtype(0), ConcatShapes(gathered, SubShape(x, g.axis + 1, x.rank())));
}

Status Gather(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferGather));
  const Shape& x = c.input(0).shape();
  const Shape& indices = c.input(1).shape();
  MOULIN_ASSIGN_OR_RETURN(const Ints index, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(2)));
  MOULIN_ASSIGN_OR_RETURN(const GatherAxes g,
                          ResolveGather(axis[0], c.attr<GatherAttrs>().batch_dims, x.rank(), indices.rank()));
  const int64_t size = x.dim(g.axis);
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0 || index[i] >= size) {
      return MakeError(ErrorCode::kValue, "index ", i, " = ", index[i], " is outside [0, ", size, ") on axis ", g.axis,
                       " of ", x.ToString());
    }
  }
  const int64_t batches = DimProduct(x.dims(), 0, g.batch);
  const int64_t outer = DimProduct(x.dims(), g.batch, g.axis);
  const int64_t inner = DimProduct(x.dims(), g.axis + 1, x.rank());
  const int64_t count = DimProduct(indices.dims(), g.batch, indices.rank());
  for (int64_t row = 0; row < batches * outer; ++row) {
    const int64_t* from = index.data() + row / std::max<int64_t>(outer, 1) * count;
    for (int64_t k = 0; k < count; ++k) {
      CopyElements(c.input(0), (row * size + from[k]) * inner, c.output(0), (row * count + k) * inner, inner);
    }
  }
  return absl::OkStatus();
}

// --- GatherNd ---

Status InferGatherNd(InferContext& c) {
  const PartialShape& x = c.shape(0);
  const PartialShape& indices = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckIndexType(c.dtype(1), "gather indices"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(indices, 1, "the indices of GatherNd"));
  const int64_t depth = indices.has_rank() ? indices.dim(indices.rank() - 1) : kUnknownDim;
  if (!x.has_rank() || depth < 0) {
    c.Add(c.dtype(0), PartialShape());
    return absl::OkStatus();
  }
  const int64_t batch = c.attr<GatherAttrs>().batch_dims;
  if (batch < 0 || batch >= indices.rank() || batch > x.rank() || depth > x.rank() - batch) {
    return MakeError(ErrorCode::kShape, "GatherNd of ", x.ToString(), " with indices ", indices.ToString(), " and ",
                     batch, " batch axes: more coordinates than axes");
  }
  const int b = static_cast<int>(batch);
  MOULIN_ASSIGN_OR_RETURN(const PartialShape outer,
                          MergeShapes(SubShape(x, 0, b), SubShape(indices, 0, b), "the batch axes of GatherNd"));
  const PartialShape rows = ConcatShapes(outer, SubShape(indices, b, indices.rank() - 1));
  return AddOutput(c, c.dtype(0), ConcatShapes(rows, SubShape(x, b + static_cast<int>(depth), x.rank())));
}

Status GatherNd(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferGatherNd));
  const Shape& x = c.input(0).shape();
  const Shape& indices = c.input(1).shape();
  const int b = static_cast<int>(c.attr<GatherAttrs>().batch_dims);
  const int depth = static_cast<int>(indices.dim(indices.rank() - 1));
  const int64_t inner = DimProduct(x.dims(), b + depth, x.rank());
  std::vector<int64_t> offsets;
  MOULIN_RETURN_IF_ERROR(FlattenIndices(c.input(1), x.dims().subspan(b, depth), inner, &offsets));
  const int64_t batch_elements = DimProduct(x.dims(), b, x.rank());
  const int64_t per_batch = std::max<int64_t>(DimProduct(indices.dims(), b, indices.rank() - 1), 1);
  for (int64_t i = 0; i < static_cast<int64_t>(offsets.size()); ++i) {
    CopyElements(c.input(0), i / per_batch * batch_elements + offsets[i], c.output(0), i * inner, inner);
  }
  return absl::OkStatus();
}

// --- OneHot ---

StatusOr<int> OneHotAxis(int64_t axis, int indices_rank) {
  if (axis < -1 || axis > indices_rank) {
    return MakeError(ErrorCode::kAttribute, "the axis of OneHot is ", axis, ", expected [-1, ", indices_rank, "]");
  }
  return static_cast<int>(axis < 0 ? indices_rank : axis);
}

Status InferOneHot(InferContext& c) {
  const PartialShape& indices = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckIndexType(c.dtype(0), "the indices of OneHot"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(2), c.dtype(3), "the off value of OneHot"));
  for (int i = 2; i < 4; ++i) MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 0, "the on and off values of OneHot"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> depth, KnownInt(c, 1, "the depth of OneHot"));
  if (depth && *depth < 0) return MakeError(ErrorCode::kShape, "the depth of OneHot is negative: ", *depth);
  if (!indices.has_rank()) {
    c.Add(c.dtype(2), PartialShape());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int axis, OneHotAxis(c.attr<OneHotAttrs>().axis, indices.rank()));
  const PartialShape front = ConcatShapes(SubShape(indices, 0, axis), PartialShape{depth ? *depth : kUnknownDim});
  return AddOutput(c, c.dtype(2), ConcatShapes(front, SubShape(indices, axis, indices.rank())));
}

Status OneHot(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferOneHot));
  const Shape& shape = c.input(0).shape();
  MOULIN_ASSIGN_OR_RETURN(const Ints indices, IntValues(c.input(0)));
  MOULIN_ASSIGN_OR_RETURN(const int axis, OneHotAxis(c.attr<OneHotAttrs>().axis, shape.rank()));
  Tensor& y = c.output(0);
  const int64_t depth = y.shape().dim(axis);
  const int64_t inner = DimProduct(shape.dims(), axis, shape.rank());
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    const int64_t outer = i / (depth * inner);
    const bool on = indices[outer * inner + i % inner] == i / inner % depth;
    CopyElements(c.input(on ? 2 : 3), 0, y, i, 1);
  }
  return absl::OkStatus();
}

constexpr OpDef kGatherOps[] = {
    {OpKind::kGather, 3, 3, InferGather, Gather, Input(2)},
    {OpKind::kGatherNd, 2, 2, InferGatherNd, GatherNd},
    {OpKind::kScatterNd, 3, 3, InferScatterNd, ScatterNd, Input(2)},
    {OpKind::kTensorScatter, 3, 3, InferTensorScatter, TensorScatter},
    {OpKind::kOneHot, 4, 4, InferOneHot, OneHot, Input(1)},
};

}  // namespace

absl::Span<const OpDef> GatherOps() { return kGatherOps; }

}  // namespace moulin
