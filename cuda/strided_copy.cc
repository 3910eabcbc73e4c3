// Covered by tests/cuda/kernels/movement_test.cc.
#include "cuda/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/math.h"
#include "ops/op_util.h"

namespace moulin::cuda {
namespace {

using Axis = StridedCopy::Axis;

constexpr int64_t kMaxBlocks = int64_t{1} << 20;
// Fewer rows or columns than this would leave most of a tile's threads idle.
constexpr int64_t kLeastTransposed = 8;

// Drops axes of one element and joins those that both sides step through as one.
void JoinAxes(std::vector<Axis>* axes) {
  axes->erase(std::remove_if(axes->begin(), axes->end(), [](const Axis& a) { return a.size == 1; }), axes->end());
  for (int i = static_cast<int>(axes->size()) - 2; i >= 0; --i) {
    Axis& outer = (*axes)[i];
    const Axis& inner = (*axes)[i + 1];
    if (outer.x_stride != inner.x_stride * inner.size || outer.y_stride != inner.y_stride * inner.size) continue;
    outer = {outer.size * inner.size, inner.x_stride, inner.y_stride};
    axes->erase(axes->begin() + i + 1);
  }
}

// The unit that rows contiguous on both sides can be moved in; the element where they are not.
int64_t UnitOf(const std::vector<Axis>& axes, int64_t x_offset, int64_t y_offset, int64_t element_bytes) {
  if (axes.empty() || axes.back().x_stride != 1 || axes.back().y_stride != 1) return element_bytes;
  std::vector<int64_t> bytes = {axes.back().size * element_bytes, x_offset * element_bytes, y_offset * element_bytes};
  for (size_t i = 0; i + 1 < axes.size(); ++i) {
    bytes.push_back(axes[i].x_stride * element_bytes);
    bytes.push_back(axes[i].y_stride * element_bytes);
  }
  return WidestUnit(bytes);
}

void CountInUnits(std::vector<Axis>* axes, int64_t factor) {
  axes->back().size /= factor;
  for (size_t i = 0; i + 1 < axes->size(); ++i) {
    (*axes)[i].x_stride /= factor;
    (*axes)[i].y_stride /= factor;
  }
}

// The axis along which x is contiguous, where tiles are worth while; else -1.
int TransposedAxis(const std::vector<Axis>& axes) {
  if (axes.size() < 2 || axes.back().y_stride != 1 || axes.back().size < kLeastTransposed) return -1;
  if (axes.back().x_stride == 0 || axes.back().x_stride == 1) return -1;
  for (int i = 0; i + 1 < static_cast<int>(axes.size()); ++i) {
    if (axes[i].x_stride == 1 && axes[i].size >= kLeastTransposed) return i;
  }
  return -1;
}

TransposeParams MakeTranspose(const std::vector<Axis>& axes, int a, StridedCopyParams rest) {
  const Axis &along_x = axes[a], &along_y = axes.back();
  TransposeParams p;
  p.a_size = along_x.size;
  p.b_size = along_y.size;
  p.a_y_stride = along_x.y_stride;
  p.b_x_stride = along_y.x_stride;
  p.a_tiles = Divisor(CeilDiv(p.a_size, kTransposeTile));
  p.b_tiles = Divisor(CeilDiv(p.b_size, kTransposeTile));
  for (int i = 0; i + 1 < static_cast<int>(axes.size()); ++i) {
    if (i != a) rest.Push(axes[i].size, axes[i].x_stride, axes[i].y_stride);
  }
  p.tiles = p.a_tiles.value * p.b_tiles.value * rest.count;
  p.rest = rest;
  return p;
}

}  // namespace

int64_t WidestUnit(absl::Span<const int64_t> bytes) {
  int64_t unit = 16;
  for (int64_t n : bytes) {
    while (n % unit != 0) unit /= 2;
  }
  return unit;
}

std::optional<StridedCopy> StridedCopy::Make(std::vector<Axis> axes, int64_t x_offset, int64_t y_offset,
                                             int64_t element_bytes) {
  StridedCopy copy;
  for (const Axis& axis : axes) {
    if (axis.size == 0) copy.copy_.count = 0;
  }
  if (copy.copy_.count == 0) return copy;
  JoinAxes(&axes);
  if (axes.size() > kMaxCopyRank) return std::nullopt;
  copy.unit_bytes_ = UnitOf(axes, x_offset, y_offset, element_bytes);
  const int64_t factor = copy.unit_bytes_ / element_bytes;
  if (factor > 1) CountInUnits(&axes, factor);
  copy.copy_.x_offset = x_offset / factor;
  copy.copy_.y_offset = y_offset / factor;
  const int transposed = TransposedAxis(axes);
  copy.is_transpose_ = transposed >= 0;
  if (copy.is_transpose_) {
    copy.transpose_ = MakeTranspose(axes, transposed, copy.copy_);
  } else {
    for (const Axis& axis : axes) copy.copy_.Push(axis.size, axis.x_stride, axis.y_stride);
  }
  return copy;
}

Status StridedCopy::Enqueue(const LaunchContext& context, const void* x, void* y) const {
  if (copy_.count == 0) return absl::OkStatus();
  if (!is_transpose_) return Launch(context, StridedCopyFunction(unit_bytes_), DimsFor(copy_.count), x, y, copy_);
  LaunchDims dims;
  dims.grid = dim3(static_cast<unsigned>(std::min(transpose_.tiles, kMaxBlocks)));
  dims.block = dim3(kTransposeTile, kTransposeRows);
  return Launch(context, TransposeFunction(unit_bytes_), dims, x, y, transpose_);
}

std::optional<StridedCopy> PermutedCopy(const Shape& x, absl::Span<const int64_t> permutation, int64_t element_bytes) {
  Shape y;
  for (int64_t axis : permutation) y.push_back(x[static_cast<int>(axis)]);
  const Shape::Dims x_strides = RowMajorStrides(x), y_strides = RowMajorStrides(y);
  std::vector<Axis> axes;
  for (int i = 0; i < y.rank(); ++i) axes.push_back({y[i], x_strides[permutation[i]], y_strides[i]});
  return StridedCopy::Make(std::move(axes), 0, 0, element_bytes);
}

}  // namespace moulin::cuda
