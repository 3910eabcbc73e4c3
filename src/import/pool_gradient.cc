// Gradients of pools. Tests: tests/cases/spatial_gradient_cases.py.
#include "import/gradient.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

bool ReadPool(LoweringContext& c, int spatial, PoolAttrs* attrs) {
  if (!ReadDataFormat(c, spatial, &attrs->channels_last)) return false;
  if (!attrs->channels_last) {
    c.Unsupported("data_format NCHW");
    return false;
  }
  return ReadPadding(c, spatial, true, &attrs->padding, &attrs->pad_before, &attrs->pad_after);
}

bool ReadWindow(LoweringContext& c, int spatial, PoolAttrs* attrs) {
  return ReadPool(c, spatial, attrs) && ReadSpatialList(c, "ksize", spatial, true, false, &attrs->window) &&
         ReadSpatialList(c, "strides", spatial, true, false, &attrs->strides);
}

// The second version of an op has window and strides as its last inputs.
bool ReadWindowInputs(LoweringContext& c, PoolAttrs* attrs) {
  if (!ReadPool(c, 2, attrs)) return false;
  SpatialDims* const lists[] = {&attrs->window, &attrs->strides};
  for (const int i : {0, 1}) {
    const std::vector<int64_t> list = c.ConstantInts(c.num_inputs() - 2 + i);
    if (!c.b.ok()) return false;
    if (list.size() != 4 || list[0] != 1 || list[3] != 1 || list[1] < 1 || list[2] < 1) {
      c.BadAttr(i == 0 ? "ksize" : "strides", "should be 4 positive numbers, 1 for the batch and the channels");
      return false;
    }
    lists[i]->assign({list[1], list[2]});
  }
  return true;
}

// --- Of the maximum ---

// For each place of the pooled tensor, the place in x, flattened, that its maximum is at; a column.
ValueId PlacesOfMaxima(LoweringContext& c, PoolAttrs attrs) {
  attrs.include_batch_in_index = true;
  const std::vector<ValueId> pooled = c.b.AddMulti(OpKind::kMaxPoolWithArgmax, std::move(attrs), {c.input(0)});
  return c.b.ok() ? c.b.ExpandDims(Flatten(c.b, pooled[1]), 1) : kNoId;
}

// Zeros like x, plus dy at these places.
ValueId ScatterLike(GraphBuilder& b, ValueId x, ValueId places, ValueId dy) {
  const ValueId count = b.Reshape(b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {x}), b.Ints({1}));
  return b.Reshape(b.Add(OpKind::kScatterNd, ScatterAttrs{}, {places, Flatten(b, dy), count}), b.ShapeOf(x));
}

// Each element of the gradient goes to the place that its window's maximum came from.
void GiveMaxGradient(LoweringContext& c, PoolAttrs attrs) {
  const ValueId places = PlacesOfMaxima(c, std::move(attrs));
  c.Output(ScatterLike(c.b, c.input(0), places, c.input(2)));
}

// And the gradient's gradient is taken from there.
void GiveMaxGradGrad(LoweringContext& c, PoolAttrs attrs) {
  GraphBuilder& b = c.b;
  const ValueId places = PlacesOfMaxima(c, std::move(attrs));
  const ValueId taken = b.Add(OpKind::kGatherNd, GatherAttrs{}, {Flatten(b, c.input(2)), places});
  c.Output(b.Reshape(taken, b.ShapeOf(c.input(1))));
}

// (x, pooled, gradient)
template <int spatial, void (*kGive)(LoweringContext&, PoolAttrs)>
void LowerMax(LoweringContext& c) {
  PoolAttrs attrs;
  if (ReadWindow(c, spatial, &attrs)) kGive(c, std::move(attrs));
}

// (x, pooled, gradient, window, strides)
template <void (*kGive)(LoweringContext&, PoolAttrs)>
void LowerMaxV2(LoweringContext& c) {
  PoolAttrs attrs;
  if (ReadWindowInputs(c, &attrs)) kGive(c, std::move(attrs));
}

// (x, gradient, places), which are those of the whole tensor, or of each image.
void LowerMaxWithArgmax(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {4})) return;
  Term places(b, b.Cast(c.input(2), DType::kInt64));
  if (!c.Bool("include_batch_in_index", false)) {
    const ValueId image = ProductOf(b, DimsOf(b, c.input(0), 1, 4));
    const ValueId images = ScalarFrom(b, DimOf(b, c.input(0), 0));
    const Term first(b, b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), images, b.Int(1)}));
    const ValueId column = b.Reshape(first * Term(b, ScalarFrom(b, image)), b.Ints({-1, 1, 1, 1}));
    places = places + Term(b, column);
  }
  c.Output(ScatterLike(b, c.input(0), b.ExpandDims(Flatten(b, places), 1), c.input(1)));
}

// --- Of the average ---

ConvAttrs AsConv(const PoolAttrs& pool, int64_t groups) {
  ConvAttrs attrs;
  attrs.strides = pool.strides;
  attrs.dilations.assign(pool.strides.size(), 1);
  attrs.padding = pool.padding;
  attrs.pad_before = pool.pad_before;
  attrs.pad_after = pool.pad_after;
  attrs.groups = groups;
  return attrs;
}

// Ones as a filter of the window's sizes, with one input channel.
ValueId Ones(GraphBuilder& b, const PoolAttrs& pool, DType type, int64_t filters) {
  std::vector<int64_t> sizes(pool.window.begin(), pool.window.end());
  sizes.insert(sizes.end(), {1, filters});
  return b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Scalar(type, 1), b.Ints(sizes)});
}

// (shape of x, gradient): each element goes in equal parts to the places of its window that are inside.
template <int spatial>
void LowerAverage(LoweringContext& c) {
  GraphBuilder& b = c.b;
  PoolAttrs attrs;
  if (!ReadWindow(c, spatial, &attrs) || !RankIsOneOf(c, 1, {spatial + 2})) return;
  const int64_t channels = c.shape(1).dim(spatial + 1);
  if (channels == kUnknownDim) return c.NotYet("the number of channels is not known");
  const DType type = c.dtype(1) == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const ValueId shape = b.Cast(c.input(0), DType::kInt64);
  const ValueId sizes = b.Add(OpKind::kSlice, NoAttrs{}, {shape, b.Ints({1}), b.Ints({spatial})});
  const ValueId inside =
      b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Scalar(type, 1), b.Concat({b.Ints({1}), sizes, b.Ints({1})}, 0)});
  const Term counts(b, b.Add(OpKind::kConv, AsConv(attrs, 1), {inside, Ones(b, attrs, type, 1)}));
  const Term parts = Term(b, c.input(1)).Cast(type) / counts;
  const int64_t groups = std::max<int64_t>(channels, 1);
  const ValueId dx = b.Add(OpKind::kConvTranspose, AsConv(attrs, groups), {shape, Ones(b, attrs, type, groups), parts});
  c.Output(b.Cast(dx, c.dtype(1)));
}

constexpr OpLowering kPoolGradientLowerings[] = {
    {"AvgPool3DGrad", 2, 2, LowerAverage<3>},
    {"AvgPoolGrad", 2, 2, LowerAverage<2>},
    {"MaxPool3DGrad", 3, 3, LowerMax<3, GiveMaxGradient>},
    {"MaxPool3DGradGrad", 3, 3, LowerMax<3, GiveMaxGradGrad>},
    {"MaxPoolGrad", 3, 3, LowerMax<2, GiveMaxGradient>},
    {"MaxPoolGradGrad", 3, 3, LowerMax<2, GiveMaxGradGrad>},
    {"MaxPoolGradGradV2", 5, 5, LowerMaxV2<GiveMaxGradGrad>},
    {"MaxPoolGradV2", 5, 5, LowerMaxV2<GiveMaxGradient>},
    {"MaxPoolGradWithArgmax", 3, 3, LowerMaxWithArgmax},
};

}  // namespace

absl::Span<const OpLowering> PoolGradientLowerings() { return kPoolGradientLowerings; }

}  // namespace moulin
