#include "ops/window_util.h"

namespace moulin {
namespace {

constexpr int64_t kMaxWindow = int64_t{1} << 31;

Status CheckRange(const SpatialDims& values, size_t axes, int64_t least, absl::string_view what) {
  if (values.size() != axes) {
    return MakeError(ErrorCode::kAttribute, what, " must have ", axes, " entries, got ", values.size());
  }
  for (int64_t v : values) {
    if (v < least || v > kMaxWindow) {
      return MakeError(ErrorCode::kAttribute, what, " must be in [", least, ", 2^31], got ", v);
    }
  }
  return absl::OkStatus();
}

ImageLayout MakeLayout(const Shape& shape, bool channels_last) {
  const Shape::Dims strides = RowMajorStrides(shape);
  const int spatial = shape.rank() - 2;
  const int channel_axis = channels_last ? spatial + 1 : 1;
  const int first = channels_last ? 1 : 2;
  ImageLayout layout;
  layout.batch = shape.dim(0);
  layout.batch_stride = strides[0];
  layout.channels = shape.dim(channel_axis);
  layout.channel_stride = strides[channel_axis];
  for (int i = 0; i < spatial; ++i) {
    layout.sizes[3 - spatial + i] = shape.dim(first + i);
    layout.strides[3 - spatial + i] = strides[first + i];
  }
  return layout;
}

}  // namespace

StatusOr<ImageShape> ImageShape::Of(const PartialShape& shape, int num_spatial, bool channels_last,
                                    absl::string_view what) {
  MOULIN_RETURN_IF_ERROR(CheckRank(shape, num_spatial + 2, what));
  ImageShape image;
  image.spatial.assign(num_spatial, kUnknownDim);
  if (!shape.has_rank()) return image;
  image.batch = shape.dim(0);
  image.channels = shape.dim(channels_last ? num_spatial + 1 : 1);
  for (int i = 0; i < num_spatial; ++i) image.spatial[i] = shape.dim((channels_last ? 1 : 2) + i);
  return image;
}

PartialShape ImageShape::ToShape(bool channels_last) const {
  PartialShape shape = PartialShape{batch};
  if (!channels_last) shape.push_back(channels);
  for (int64_t size : spatial) shape.push_back(size);
  if (channels_last) shape.push_back(channels);
  return shape;
}

Status CheckWindowAttrs(const WindowAttrs& w) {
  const size_t axes = w.strides.size();
  if (axes < 1 || axes > 3) return MakeError(ErrorCode::kAttribute, "expected 1 to 3 strides, got ", axes);
  MOULIN_RETURN_IF_ERROR(CheckRange(w.strides, axes, 1, "strides"));
  MOULIN_RETURN_IF_ERROR(CheckRange(w.dilations, axes, 1, "dilations"));
  SpatialDims known_taps = w.taps;
  for (int64_t& taps : known_taps) taps = taps == kUnknownDim ? 1 : taps;
  MOULIN_RETURN_IF_ERROR(CheckRange(known_taps, axes, 1, "the window"));
  if (w.padding != Padding::kExplicit) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(CheckRange(w.pad_before, axes, 0, "paddings"));
  return CheckRange(w.pad_after, axes, 0, "paddings");
}

StatusOr<SpatialDims> WindowOutputSizes(const WindowAttrs& w, const SpatialDims& sizes) {
  SpatialDims out(sizes.size(), kUnknownDim);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) continue;
    if (w.padding == Padding::kSame) {
      out[i] = SameOutputSize(sizes[i], w.strides[i]);
      continue;
    }
    if (w.taps[i] < 0) continue;
    const bool is_explicit = w.padding == Padding::kExplicit;
    const std::optional<int64_t> padded = AddDims(sizes[i], is_explicit ? w.pad_before[i] + w.pad_after[i] : 0);
    const int64_t extent = WindowExtent(w.taps[i], w.dilations[i]);
    if (padded) out[i] = ValidOutputSize(*padded, extent, w.strides[i]);
    if (!padded || out[i] < 0) {
      return MakeError(ErrorCode::kShape, "a window of extent ", extent, " does not fit in spatial axis ", i,
                       " of size ", sizes[i]);
    }
  }
  return out;
}

WindowGeometry MakeGeometry(const WindowAttrs& w, const Shape& x, const Shape& y, bool channels_last) {
  WindowGeometry g;
  g.in = MakeLayout(x, channels_last);
  g.out = MakeLayout(y, channels_last);
  const int spatial = static_cast<int>(w.strides.size());
  for (int i = 0; i < spatial; ++i) {
    const int d = 3 - spatial + i;
    g.taps[d] = w.taps[i];
    g.stride[d] = w.strides[i];
    g.dilation[d] = w.dilations[i];
    if (w.padding == Padding::kExplicit) g.pad_before[d] = w.pad_before[i];
    if (w.padding == Padding::kSame) {
      g.pad_before[d] = SamePadBefore(g.in.sizes[d], WindowExtent(w.taps[i], w.dilations[i]), w.strides[i]);
    }
  }
  return g;
}

}  // namespace moulin
