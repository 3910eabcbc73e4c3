#include "ops/strided_slice.h"

#include <algorithm>
#include <bit>

namespace moulin {
namespace {

constexpr int kMaxEntries = 32;  // TensorFlow's masks have 32 bits

bool HasBit(uint64_t mask, int64_t i) { return (mask >> i) & 1; }

// One axis of the operand, as the entries of begin, end and strides describe it.
struct Axis {
  std::optional<int64_t> begin, end, stride;
  bool begin_masked = false, end_masked = false, shrink = false;
};

std::optional<int64_t> Entry(const std::optional<Ints>& values, int64_t i) {
  return values ? std::optional<int64_t>((*values)[i]) : std::nullopt;
}

// Where an index lies, clamped to the positions at which a slice in this direction may begin or end.
int64_t Clamp(int64_t index, int64_t size, bool forward) {
  const int64_t at = index < 0 ? size + index : index;
  return forward ? std::clamp<int64_t>(at, 0, size) : std::clamp<int64_t>(at, -1, size - 1);
}

Status ResolveShrunkAxis(const Axis& axis, int64_t size, DenseSlice* out) {
  if (axis.stride && *axis.stride <= 0) {
    return MakeError(ErrorCode::kShape, "an index needs a positive stride, got ", *axis.stride);
  }
  out->strides.push_back(1);
  out->sizes.push_back(1);
  if (!axis.begin || size < 0) {
    out->begin.push_back(0);
    out->sizes.back() = kUnknownDim;
    return absl::OkStatus();
  }
  const int64_t at = *axis.begin < 0 ? size + *axis.begin : *axis.begin;
  if (at < 0 || at >= size) {
    return MakeError(ErrorCode::kShape, "slice index ", *axis.begin, " of axis ", out->begin.size(),
                     " is out of bounds for size ", size);
  }
  out->begin.push_back(at);
  return absl::OkStatus();
}

Status ResolveAxis(const Axis& axis, int64_t size, DenseSlice* out) {
  if (axis.stride && *axis.stride == 0) {
    return MakeError(ErrorCode::kShape, "stride of axis ", out->begin.size(), " is 0");
  }
  if (axis.shrink) return ResolveShrunkAxis(axis, size, out);
  if (size < 0 || !axis.stride || (!axis.begin && !axis.begin_masked) || (!axis.end && !axis.end_masked)) {
    out->begin.push_back(0);
    out->strides.push_back(1);
    out->sizes.push_back(kUnknownDim);
    return absl::OkStatus();
  }
  const int64_t stride = *axis.stride;
  const bool forward = stride > 0;
  const int64_t begin = axis.begin_masked ? (forward ? 0 : size - 1) : Clamp(*axis.begin, size, forward);
  const int64_t end = axis.end_masked ? (forward ? size : -1) : Clamp(*axis.end, size, forward);
  const int64_t interval = end - begin;
  const bool empty = interval == 0 || (interval < 0) != (stride < 0);
  out->begin.push_back(begin);
  out->strides.push_back(stride);
  out->sizes.push_back(empty ? 0 : interval / stride + (interval % stride != 0));
  return absl::OkStatus();
}

}  // namespace

StatusOr<DenseSlice> ResolveStridedSlice(const StridedSliceAttrs& attrs, const PartialShape& x, int64_t count,
                                         const std::optional<Ints>& begin, const std::optional<Ints>& end,
                                         const std::optional<Ints>& strides) {
  if (count > kMaxEntries) {
    return MakeError(ErrorCode::kShape, "expected at most ", kMaxEntries, " slice entries, got ", count);
  }
  const uint64_t valid = (uint64_t{1} << count) - 1;
  const uint64_t ellipsis = attrs.ellipsis_mask & valid;
  if (std::popcount(ellipsis) > 1) return MakeError(ErrorCode::kShape, "more than one ellipsis in a slice");
  const uint64_t new_axes = attrs.new_axis_mask & valid & ~ellipsis;
  const int consumed = static_cast<int>(count) - std::popcount(new_axes) - std::popcount(ellipsis);
  if (consumed > x.rank()) {
    return MakeError(ErrorCode::kShape, "a slice of ", consumed, " axes of a tensor of shape ", x.ToString());
  }
  DenseSlice out;
  out.result = PartialShape::OfRank(0);
  const auto take_whole_axes = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const int64_t size = x.dim(static_cast<int>(out.begin.size()));
      out.begin.push_back(0);
      out.strides.push_back(1);
      out.sizes.push_back(size);
      out.result.push_back(size);
    }
  };
  for (int64_t i = 0; i < count; ++i) {
    if (HasBit(ellipsis, i)) {
      take_whole_axes(x.rank() - consumed);
    } else if (HasBit(new_axes, i)) {
      out.result.push_back(1);
    } else {
      const Axis axis{Entry(begin, i),           Entry(end, i),
                      Entry(strides, i),         HasBit(attrs.begin_mask, i),
                      HasBit(attrs.end_mask, i), HasBit(attrs.shrink_axis_mask, i)};
      MOULIN_RETURN_IF_ERROR(ResolveAxis(axis, x.dim(static_cast<int>(out.begin.size())), &out));
      if (!axis.shrink) out.result.push_back(out.sizes.back());
    }
  }
  take_whole_axes(x.rank() - static_cast<int>(out.begin.size()));
  return out;
}

StatusOr<StridedMap> SliceMap(const Shape& x, const DenseSlice& slice) {
  if (x.rank() > kMaxMapRank) {
    return MakeError(ErrorCode::kUnsupported, "slicing rank ", x.rank(), ", at most ", kMaxMapRank, " is supported");
  }
  const Shape::Dims strides = RowMajorStrides(x);
  StridedMap map;
  for (int i = 0; i < x.rank(); ++i) {
    map.offset += slice.begin[i] * strides[i];
    map.Push(slice.sizes[i], slice.strides[i] * strides[i]);
  }
  return map;
}

}  // namespace moulin
