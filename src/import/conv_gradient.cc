// Gradients of convolutions by their filters. Such a gradient is a convolution itself: of the input with batch and
// channels changed about, by the output's gradient as the filter, strides and dilations changed about as well.
// Tests: tests/cases/spatial_gradient_cases.py.
#include <algorithm>

#include "import/gradient.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// What the gradient is made of: the input's and the gradient's sizes are those of channels-last operands.
struct FilterGradient {
  int spatial;
  ConvAttrs forward;
  std::vector<int64_t> filter;  // sizes: [spatial..., channels of a group, filters]
  ValueId x = kNoId, dy = kNoId;
};

bool ReadFilterGradient(LoweringContext& c, const std::vector<int64_t>& filter, FilterGradient* g) {
  ConvAttrs& f = g->forward;
  const int spatial = g->spatial;
  if (!ReadDataFormat(c, spatial, &f.channels_last) ||
      !ReadSpatialList(c, "strides", spatial, f.channels_last, false, &f.strides) ||
      !ReadSpatialList(c, "dilations", spatial, f.channels_last, true, &f.dilations) ||
      !ReadPadding(c, spatial, f.channels_last, &f.padding, &f.pad_before, &f.pad_after) ||
      !RankIsOneOf(c, 0, {spatial + 2}) || !RankIsOneOf(c, 2, {spatial + 2})) {
    return false;
  }
  if (static_cast<int>(filter.size()) != spatial + 2) {
    c.BadAttr("filter_sizes", absl::StrCat("should have ", spatial + 2, " elements, found ", filter.size()));
    return false;
  }
  if (!f.channels_last) {
    c.Unsupported("data_format NCHW");
    return false;
  }
  for (const int i : {0, 2}) {
    for (const int64_t size : c.shape(i).dims()) {
      if (size != kUnknownDim) continue;
      c.NotYet(absl::StrCat("the sizes of input ", i, " are not known"));
      return false;
    }
  }
  g->filter = filter;
  g->x = c.input(0);
  g->dy = c.input(2);
  return true;
}

// How much the forward convolution pads in front of the input on a spatial axis.
int64_t PadBefore(const FilterGradient& g, int i, int64_t in, int64_t out) {
  const ConvAttrs& f = g.forward;
  if (f.padding == Padding::kValid) return 0;
  if (f.padding == Padding::kExplicit) return f.pad_before[i];
  const int64_t reach = (out - 1) * f.strides[i] + (g.filter[i] - 1) * f.dilations[i] + 1;
  return std::max<int64_t>(reach - in, 0) / 2;
}

// The attributes of the convolution that is the gradient: it pads so that there are places for the whole filter.
ConvAttrs GradientAttrs(GraphBuilder& b, const FilterGradient& g) {
  ConvAttrs attrs;
  attrs.padding = Padding::kExplicit;
  attrs.strides = g.forward.dilations;
  attrs.dilations = g.forward.strides;
  for (int i = 0; i < g.spatial; ++i) {
    const int64_t in = b.shape(g.x).dim(i + 1), out = b.shape(g.dy).dim(i + 1);
    const int64_t reach = (out - 1) * g.forward.strides[i] + (g.filter[i] - 1) * g.forward.dilations[i] + 1;
    attrs.pad_before.push_back(PadBefore(g, i, in, out));
    attrs.pad_after.push_back(std::max<int64_t>(reach - in - attrs.pad_before.back(), 0));
  }
  return attrs;
}

// x with its axes in the order spatial..., then these, reshaped to sizes.
ValueId Arrange(GraphBuilder& b, ValueId x, int spatial, std::initializer_list<int64_t> last,
                const std::vector<int64_t>& sizes) {
  std::vector<int64_t> order;
  for (int i = 0; i < spatial; ++i) order.push_back(i + 1);
  order.insert(order.end(), last);
  return b.Reshape(b.Transpose(x, order), b.Ints(sizes));
}

std::vector<int64_t> SpatialSizes(const PartialShape& shape) {
  return {shape.dims().begin() + 1, shape.dims().end() - 1};
}

// The channels of a group are the batch of the gradient's convolution, and the batch is the channels of each of its
// groups.
ValueId MakeFilterGradient(LoweringContext& c, const FilterGradient& g, int64_t groups) {
  GraphBuilder& b = c.b;
  const int spatial = g.spatial;
  const int64_t batch = b.shape(g.x).dim(0), channels = b.shape(g.x).dim(spatial + 1);
  const int64_t filters = b.shape(g.dy).dim(spatial + 1), per_group = channels / groups;
  ConvAttrs attrs = GradientAttrs(b, g);
  attrs.groups = groups;
  // [per_group, spatial..., groups * batch] by [spatial..., batch, filters] gives [per_group, filter..., filters].
  std::vector<int64_t> x_sizes = SpatialSizes(b.shape(g.x)), dy_sizes = SpatialSizes(b.shape(g.dy));
  x_sizes.insert(x_sizes.end(), {batch, groups, per_group});
  dy_sizes.insert(dy_sizes.end(), {batch, filters});
  const ValueId split = Arrange(b, g.x, spatial, {0, spatial + 1}, x_sizes);
  std::vector<int64_t> order = {spatial + 2};
  for (int i = 0; i < spatial; ++i) order.push_back(i);
  order.insert(order.end(), {spatial + 1, spatial});
  x_sizes.erase(x_sizes.end() - 3, x_sizes.end());
  x_sizes.insert(x_sizes.begin(), per_group);
  x_sizes.push_back(groups * batch);
  const ValueId x = b.Reshape(b.Transpose(split, order), b.Ints(x_sizes));
  const ValueId dy = Arrange(b, g.dy, spatial, {0, spatial + 1}, dy_sizes);
  const ValueId conv = b.Add(OpKind::kConv, std::move(attrs), {x, dy});
  // There may be places behind the filter's.
  std::vector<int64_t> begin(spatial + 2, 0), size(g.filter.begin(), g.filter.begin() + spatial);
  size.insert(size.begin(), per_group);
  size.push_back(filters);
  std::vector<int64_t> back;
  for (int i = 0; i < spatial; ++i) back.push_back(i + 1);
  back.insert(back.end(), {0, spatial + 1});
  return b.Transpose(b.Add(OpKind::kSlice, NoAttrs{}, {conv, b.Ints(begin), b.Ints(size)}), back);
}

void GiveFilterGradient(LoweringContext& c, int spatial, const std::vector<int64_t>& filter) {
  FilterGradient g{spatial};
  if (!ReadFilterGradient(c, filter, &g)) return;
  const int64_t channels = c.shape(0).dim(spatial + 1), filters = c.shape(2).dim(spatial + 1);
  const int64_t per_group = filter[spatial];
  if (per_group < 1 || channels % per_group != 0 || filter[spatial + 1] != filters) {
    c.BadAttr("filter_sizes", absl::StrCat("should end with a divisor of ", channels, " and ", filters));
    return;
  }
  c.Output(MakeFilterGradient(c, g, channels / per_group));
}

// (input, sizes of the filter, gradient)
template <int spatial>
void LowerBySizes(LoweringContext& c) {
  const std::vector<int64_t> filter = c.ConstantInts(1);
  if (c.b.ok()) GiveFilterGradient(c, spatial, filter);
}

// (input, filter, gradient)
void LowerByFilter(LoweringContext& c) {
  if (!RankIsOneOf(c, 1, {5})) return;
  const PartialShape& filter = c.shape(1);
  for (const int64_t size : filter.dims()) {
    if (size == kUnknownDim) return c.NotYet("the sizes of the filter are not known");
  }
  GiveFilterGradient(c, 3, {filter.dims().begin(), filter.dims().end()});
}

// A filter of [h, w, channels, multiplier] is one of as many groups as channels.
void LowerDepthwise(LoweringContext& c) {
  std::vector<int64_t> filter = c.ConstantInts(1);
  if (!c.b.ok()) return;
  if (filter.size() != 4) return c.BadAttr("filter_sizes", "should have 4 elements");
  FilterGradient g{2};
  if (!ReadFilterGradient(c, {filter[0], filter[1], 1, filter[2] * filter[3]}, &g)) return;
  if (filter[2] != c.shape(0).dim(3) || filter[2] * filter[3] != c.shape(2).dim(3)) {
    return c.BadAttr("filter_sizes", "should have the channels of the input and of the gradient");
  }
  c.Output(c.b.Reshape(MakeFilterGradient(c, g, filter[2]), c.b.Ints(filter)));
}

constexpr OpLowering kConvGradientLowerings[] = {
    {"Conv2DBackpropFilter", 3, 3, LowerBySizes<2>},
    {"Conv3DBackpropFilter", 3, 3, LowerByFilter},
    {"Conv3DBackpropFilterV2", 3, 3, LowerBySizes<3>},
    {"DepthwiseConv2dNativeBackpropFilter", 3, 3, LowerDepthwise},
};

}  // namespace

absl::Span<const OpLowering> ConvGradientLowerings() { return kConvGradientLowerings; }

}  // namespace moulin
