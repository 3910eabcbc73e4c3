// Gradients of batch normalisation, of sums of chosen rows, and of rows filled in. Tests:
// tests/cases/gradient_cases.py.
#include "import/gradient.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// --- Batch normalisation ---

// (gradient, x, scale, mean, variance...) -> gradients by x, scale and offset, and two results without meaning.
void LowerBatchNormGrad(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 1)) return;
  const int rank = c.shape(1).rank();
  const std::string format = c.String("data_format", rank == 5 ? "NDHWC" : "NHWC");
  const int channel = format.starts_with("NC") ? 1 : rank - 1;
  const DType type = c.dtype(1) == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  std::vector<int64_t> axes;
  std::vector<ValueId> row(rank, b.Ints({1}));  // the shape of a vector along the channels
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != channel) axes.push_back(axis);
  }
  row[channel] = DimOf(b, c.input(1), channel);
  const auto along = [&](int i) { return Term(b, b.Cast(ReshapeTo(b, c.input(i), row), type)); };
  const auto sum = [&](Term x) { return Term(b, b.Reduce(ReduceOp::kSum, x, axes, true)); };
  const Term dy(b, b.Cast(c.input(0), type)), scale = along(2), mean = along(3);
  const Term inverse = (along(4) + static_cast<double>(c.Float("epsilon", 1e-4f))).Apply(ExprOp::kRsqrt);
  const Term centered = Term(b, b.Cast(c.input(1), type)) - mean;
  const Term d_offset = sum(dy), product = sum(dy * centered);
  Term dx = dy;
  if (c.Bool("is_training", true)) {
    std::vector<ValueId> sizes = DimsOf(b, c.input(1), 0, rank);
    sizes.erase(sizes.begin() + channel);
    const Term count(b, b.Cast(ScalarFrom(b, ProductOf(b, sizes)), type));
    dx = dy - d_offset / count - centered * (product / count * inverse * inverse);
  }
  c.Output((dx * scale * inverse).Cast(c.dtype(0)));
  const ValueId channels = row[channel];
  c.Output(b.Cast(ReshapeTo(b, product * inverse, {channels}), c.dtype(3)));
  c.Output(b.Cast(ReshapeTo(b, d_offset, {channels}), c.dtype(3)));
  const ValueId nothing = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Scalar(c.dtype(3), 0), b.Ints({0})});
  c.Outputs({nothing, nothing});
}

// --- Sums, means, and sums over the root of the count of chosen rows ---

enum class Weight { kOne, kMean, kRoot };

// (gradient, indices, segment ids, rows of the result): row indices[i] gets what segment ids[i] has.
template <Weight kWeight>
void LowerSparseSegment(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 0)) return;
  const int rank = c.shape(0).rank();
  const DType type = c.dtype(0) == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const ValueId ids = b.Cast(c.input(2), DType::kInt64);
  ValueId rows = b.Cast(c.input(0), type);
  if (kWeight != Weight::kOne) {
    const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Scalar(type, 1), b.ShapeOf(ids)});
    Term weight(b, b.Add(OpKind::kScatterNd, ScatterAttrs{}, {b.ExpandDims(ids, 1), ones, DimOf(b, rows, 0)}));
    if (kWeight == Weight::kRoot) weight = weight.Apply(ExprOp::kSqrt);
    std::vector<ValueId> column(rank, b.Ints({1}));
    column[0] = DimOf(b, rows, 0);
    rows = Term(b, rows) / Term(b, ReshapeTo(b, weight.Max(1), column));
  }
  const ValueId chosen = b.Add(OpKind::kGather, GatherAttrs{}, {rows, ids, b.Int(0)});
  std::vector<ValueId> sizes = DimsOf(b, rows, 0, rank);
  sizes[0] = b.Reshape(b.Cast(c.input(3), DType::kInt64), b.Ints({1}));
  const ValueId places = b.ExpandDims(b.Cast(c.input(1), DType::kInt64), 1);
  c.Output(b.Cast(b.Add(OpKind::kScatterNd, ScatterAttrs{}, {places, chosen, ShapeFrom(b, sizes)}), c.dtype(0)));
}

// --- Rows filled in ---

// (place of each value in the filled tensor, gradient) -> gradients by the values and by what filled the other places.
void LowerFillEmptyRows(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId places = c.input(0), dy = c.input(1);
  c.Output(b.Add(OpKind::kGather, GatherAttrs{}, {dy, places, b.Int(0)}));
  const ValueId column = b.ExpandDims(places, 1);
  const ValueId zeros = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(dy, 0), b.ShapeOf(places)});
  const ValueId filled = b.Add(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kUpdate}, {dy, column, zeros});
  c.Output(b.Reduce(ReduceOp::kSum, filled, {0}, false));
}

constexpr OpLowering kReductionGradientLowerings[] = {
    {"FusedBatchNormGrad", 5, 5, LowerBatchNormGrad},
    {"FusedBatchNormGradV2", 5, 5, LowerBatchNormGrad},
    {"FusedBatchNormGradV3", 6, 6, LowerBatchNormGrad},
    {"RaggedFillEmptyRowsGrad", 2, 2, LowerFillEmptyRows},
    {"SparseFillEmptyRowsGrad", 2, 2, LowerFillEmptyRows},
    {"SparseSegmentMeanGrad", 4, 4, LowerSparseSegment<Weight::kMean>},
    {"SparseSegmentSqrtNGrad", 4, 4, LowerSparseSegment<Weight::kRoot>},
    {"SparseSegmentSumGrad", 4, 4, LowerSparseSegment<Weight::kOne>},
};

}  // namespace

absl::Span<const OpLowering> ReductionGradientLowerings() { return kReductionGradientLowerings; }

}  // namespace moulin
