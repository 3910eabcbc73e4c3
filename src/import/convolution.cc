// Convolutions, their gradients by the input ("transposed" convolutions), fused forms, morphological dilation, patches.
//
// Groups are the channels of the input over those of the filter; where either is not known at import they are taken
// to be one, and the shape function of Conv checks it when they are.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

int64_t KnownDim(const PartialShape& shape, int axis) {
  return shape.has_rank() && axis < shape.rank() ? shape.dim(axis) : kUnknownDim;
}

bool ReadConvAttrs(LoweringContext& c, int spatial, ConvAttrs* attrs) {
  return ReadDataFormat(c, spatial, &attrs->channels_last) &&
         ReadSpatialList(c, "strides", spatial, attrs->channels_last, false, &attrs->strides) &&
         ReadSpatialList(c, "dilations", spatial, attrs->channels_last, true, &attrs->dilations) &&
         ReadPadding(c, spatial, attrs->channels_last, &attrs->padding, &attrs->pad_before, &attrs->pad_after);
}

// The number of groups for `channels` of the input and a filter whose input channels are `per_group`.
bool SetGroups(LoweringContext& c, int64_t channels, int64_t per_group, int64_t filters, ConvAttrs* attrs) {
  if (channels == kUnknownDim || per_group == kUnknownDim) return true;
  if (per_group == 0 || channels % per_group != 0) {
    c.BadAttr("filter", absl::StrCat("should have input channels that divide the ", channels, " of the input, found ",
                                     per_group));
    return false;
  }
  attrs->groups = channels == 0 ? 1 : channels / per_group;
  if (filters != kUnknownDim && filters % attrs->groups != 0) {
    c.BadAttr("filter",
              absl::StrCat("should have a multiple of ", attrs->groups, " (the groups) filters, found ", filters));
    return false;
  }
  return true;
}

int ChannelAxis(const ConvAttrs& attrs, int spatial) { return attrs.channels_last ? spatial + 1 : 1; }

// The convolution of x and a filter given as TensorFlow gives it; kNoId where it failed.
ValueId MakeConv(LoweringContext& c, ValueId x, ValueId filter, int spatial, ConvAttrs attrs) {
  const int64_t channels = KnownDim(c.b.shape(x), ChannelAxis(attrs, spatial));
  const PartialShape& shape = c.b.shape(filter);
  if (!SetGroups(c, channels, KnownDim(shape, spatial), KnownDim(shape, spatial + 1), &attrs)) return kNoId;
  return c.b.Add(OpKind::kConv, std::move(attrs), {x, filter});
}

template <int spatial>
void LowerConv(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, spatial, &attrs)) return;
  c.Output(MakeConv(c, c.input(0), c.input(1), spatial, std::move(attrs)));
}

// The op for any number of spatial axes names the place of the channels alone.
void LowerConvOfAnyRank(LoweringContext& c) {
  if (!RankIsOneOf(c, 0, {4, 5})) return;
  if (c.Int("batch_dims", 1) != 1) return c.Unsupported("several batch axes");
  const int spatial = c.shape(0).rank() - 2;
  ConvAttrs attrs;
  attrs.channels_last = c.String("data_format", "CHANNELS_LAST") != "CHANNELS_FIRST";
  if (!ReadSpatialList(c, "strides", spatial, attrs.channels_last, false, &attrs.strides) ||
      !ReadSpatialList(c, "dilations", spatial, attrs.channels_last, true, &attrs.dilations) ||
      !ReadPadding(c, spatial, attrs.channels_last, &attrs.padding, &attrs.pad_before, &attrs.pad_after)) {
    return;
  }
  c.Output(MakeConv(c, c.input(0), c.input(1), spatial, std::move(attrs)));
}

template <int spatial>
void LowerFusedConv(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, spatial, &attrs)) return;
  const int channel_axis = ChannelAxis(attrs, spatial);
  const ValueId x = MakeConv(c, c.input(0), c.input(1), spatial, std::move(attrs));
  c.Output(ApplyFusedOps(c, x, 2, channel_axis));
}

// [kh, kw, c, m] as the filter of a convolution of c groups: [kh, kw, 1, c * m].
ValueId DepthwiseFilter(LoweringContext& c, ValueId filter) {
  std::vector<ValueId> sizes = DimsOf(c.b, filter, 0, 4);
  const ValueId filters = ProductOf(c.b, absl::MakeConstSpan(sizes).subspan(2));
  return ReshapeTo(c.b, filter, {sizes[0], sizes[1], c.b.Ints({1}), filters});
}

// The groups of a depthwise convolution, of `channels` input channels where they are known.
bool SetDepthwiseGroups(LoweringContext& c, int64_t channels, const PartialShape& filter, ConvAttrs* attrs) {
  const int64_t of_filter = KnownDim(filter, 2);
  if (channels == kUnknownDim) channels = of_filter;
  if (channels == kUnknownDim) {
    c.NotYet("the number of channels is not known");
    return false;
  }
  if (of_filter != kUnknownDim && of_filter != channels) {
    c.BadAttr("filter", absl::StrCat("should have the ", channels, " channels of the input, found ", of_filter));
    return false;
  }
  attrs->groups = std::max<int64_t>(channels, 1);
  return true;
}

// `fused_ops`, where there are any, are applied to the convolution.
void LowerDepthwiseConv(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, 2, &attrs) || !RankIsOneOf(c, 1, {4})) return;
  const int channel_axis = ChannelAxis(attrs, 2);
  const int64_t channels = KnownDim(c.shape(0), channel_axis);
  if (!SetDepthwiseGroups(c, channels, c.shape(1), &attrs)) return;
  const ValueId x = c.b.Add(OpKind::kConv, std::move(attrs), {c.input(0), DepthwiseFilter(c, c.input(1))});
  c.Output(ApplyFusedOps(c, x, 2, channel_axis));
}

// `input_sizes` may hold the spatial sizes alone; the others are then those of the operands.
ValueId FullOutputSize(LoweringContext& c, int spatial, const ConvAttrs& attrs) {
  const PartialShape& shape = c.shape(0);
  if (!shape.has_rank() || shape.rank() != 1 || shape.dim(0) != spatial) return c.input(0);
  GraphBuilder& b = c.b;
  const ValueId sizes = b.Cast(c.input(0), DType::kInt64);
  const ValueId batch = DimOf(b, c.input(2), 0);
  const ValueId channels = DimOf(b, c.input(1), spatial);
  return attrs.channels_last ? b.Concat({batch, sizes, channels}, 0) : b.Concat({batch, channels, sizes}, 0);
}

// The channels of the output of a transposed convolution, where they are known.
int64_t OutputChannels(LoweringContext& c, ValueId output_size, int channel_axis) {
  std::vector<int64_t> sizes;
  if (!c.b.ConstantInts(output_size, &sizes) || static_cast<int>(sizes.size()) <= channel_axis) return kUnknownDim;
  return sizes[channel_axis];
}

template <int spatial>
void LowerConvTranspose(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, spatial, &attrs)) return;
  const ValueId size = FullOutputSize(c, spatial, attrs);
  const int64_t channels = OutputChannels(c, size, ChannelAxis(attrs, spatial));
  if (!SetGroups(c, channels, KnownDim(c.shape(1), spatial), KnownDim(c.shape(1), spatial + 1), &attrs)) return;
  c.Output(c.b.Add(OpKind::kConvTranspose, std::move(attrs), {size, c.input(1), c.input(2)}));
}

// The first version takes a tensor of the output's shape instead of its sizes.
void LowerConv3DBackpropInputV1(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, 3, &attrs)) return;
  c.Output(c.b.Add(OpKind::kConvTranspose, std::move(attrs), {c.b.ShapeOf(c.input(0)), c.input(1), c.input(2)}));
}

void LowerDepthwiseConvTranspose(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, 2, &attrs) || !RankIsOneOf(c, 1, {4})) return;
  const ValueId size = FullOutputSize(c, 2, attrs);
  const int64_t channels = OutputChannels(c, size, ChannelAxis(attrs, 2));
  if (!SetDepthwiseGroups(c, channels, c.shape(1), &attrs)) return;
  c.Output(c.b.Add(OpKind::kConvTranspose, std::move(attrs), {size, DepthwiseFilter(c, c.input(1)), c.input(2)}));
}

void LowerDilation2D(LoweringContext& c) {
  ConvAttrs attrs;
  if (!ReadSpatialList(c, "strides", 2, true, false, &attrs.strides) ||
      !ReadSpatialList(c, "rates", 2, true, false, &attrs.dilations) ||
      !ReadPadding(c, 2, true, &attrs.padding, &attrs.pad_before, &attrs.pad_after)) {
    return;
  }
  c.Output(c.b.Add(OpKind::kDilation, std::move(attrs), {c.input(0), c.input(1)}));
}

// Pads as MirrorPad does with `mode` and convolves; both are attributes of the fused ops, which know NHWC alone.
void LowerPaddedConv(LoweringContext& c, ValueId x, ValueId paddings, ValueId filter) {
  ConvAttrs attrs;
  if (!ReadConvAttrs(c, 2, &attrs)) return;
  const std::string mode = c.String("mode", "");
  if (mode != "REFLECT" && mode != "SYMMETRIC") {
    c.BadAttr("mode", absl::StrCat("should be \"REFLECT\" or \"SYMMETRIC\", found \"", Printable(mode), "\""));
    return;
  }
  PadAttrs pad{mode == "REFLECT" ? PadMode::kReflect : PadMode::kSymmetric};
  const ValueId padded = c.b.Add(OpKind::kPad, pad, {x, paddings, c.b.ScalarLike(x, 0)});
  c.Output(MakeConv(c, padded, filter, 2, std::move(attrs)));
}

void LowerFusedPadConv2D(LoweringContext& c) { LowerPaddedConv(c, c.input(0), c.input(1), c.input(2)); }

void LowerFusedResizeAndPadConv2D(LoweringContext& c) {
  ResizeAttrs resize;
  resize.align_corners = c.Bool("resize_align_corners", false);
  resize.output_type = c.dtype(0);
  const ValueId x = c.b.Add(OpKind::kResize, resize, {c.input(0), c.input(1)});
  LowerPaddedConv(c, x, c.input(2), c.input(3));
}

template <int spatial>
void LowerPatches(LoweringContext& c) {
  PatchesAttrs attrs;
  SpatialDims before, after;
  if (!ReadSpatialList(c, "ksizes", spatial, true, false, &attrs.window) ||
      !ReadSpatialList(c, "strides", spatial, true, false, &attrs.strides) ||
      !ReadSpatialList(c, "rates", spatial, true, true, &attrs.dilations) ||
      !ReadPadding(c, spatial, true, &attrs.padding, &before, &after)) {
    return;
  }
  c.Output(c.b.Add(OpKind::kPatches, std::move(attrs), {c.input(0)}));
}

constexpr OpLowering kConvolutionLowerings[] = {
    {"Conv2D", 2, 2, LowerConv<2>},
    {"Conv3D", 2, 2, LowerConv<3>},
    {"Conv", 2, 2, LowerConvOfAnyRank},
    {"_FusedConv2D", 2, kAnyNumber, LowerFusedConv<2>},
    {"_FusedConv3D", 2, kAnyNumber, LowerFusedConv<3>},
    {"_FusedDepthwiseConv2dNative", 2, kAnyNumber, LowerDepthwiseConv},
    {"DepthwiseConv2dNative", 2, 2, LowerDepthwiseConv},
    {"Conv2DBackpropInput", 3, 3, LowerConvTranspose<2>},
    {"Conv3DBackpropInput", 3, 3, LowerConv3DBackpropInputV1},
    {"Conv3DBackpropInputV2", 3, 3, LowerConvTranspose<3>},
    {"DepthwiseConv2dNativeBackpropInput", 3, 3, LowerDepthwiseConvTranspose},
    {"Dilation2D", 2, 2, LowerDilation2D},
    {"FusedPadConv2D", 3, 3, LowerFusedPadConv2D},
    {"FusedResizeAndPadConv2D", 4, 4, LowerFusedResizeAndPadConv2D},
    {"ExtractImagePatches", 1, 1, LowerPatches<2>},
    {"ExtractVolumePatches", 1, 1, LowerPatches<3>},
};

}  // namespace

absl::Span<const OpLowering> ConvolutionLowerings() { return kConvolutionLowerings; }

}  // namespace moulin
