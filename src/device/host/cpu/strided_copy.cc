// Covered by tests/device/cpu/movement_kernel_test.cc.
#include "device/host/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/math.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kCopyGrainBytes = 64 << 10;
// Columns of a transposed block: a few cache lines of both sides.
constexpr int64_t kTransposeBlock = 64;

// Drops axes of one element and joins those that both sides step through as one.
void Join(std::vector<StridedCopy::Axis>* axes) {
  axes->erase(std::remove_if(axes->begin(), axes->end(), [](const auto& a) { return a.size == 1; }), axes->end());
  for (int i = static_cast<int>(axes->size()) - 2; i >= 0; --i) {
    StridedCopy::Axis &outer = (*axes)[i], &inner = (*axes)[i + 1];
    if (outer.from_stride != inner.from_stride * inner.size || outer.to_stride != inner.to_stride * inner.size)
      continue;
    outer = {outer.size * inner.size, inner.from_stride, inner.to_stride};
    axes->erase(axes->begin() + i + 1);
  }
  if (axes->empty()) axes->push_back({1, 1, 1});
}

template <typename T>
void CopyElements(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t n) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (from_stride == 0) {
    const T value = x[0];
    for (int64_t i = 0; i < n; ++i) y[i * to_stride] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * to_stride] = x[i * from_stride];
  }
}

struct Bytes16 {
  uint64_t a, b;
};

}  // namespace

// Steps through the axes before the last (and before the transposed one, which is passed over), row by row.
class StridedCopy::Walk {
 public:
  Walk(const StridedCopy& copy, int64_t first) : copy_(copy) {
    indices_.resize(copy.axes_.size() - 1);
    for (int i = static_cast<int>(indices_.size()) - 1; i >= 0; --i) {
      if (i == copy.transposed_axis_) continue;
      const Axis& axis = copy.axes_[i];
      indices_[i] = first % axis.size;
      first /= axis.size;
      from_ += indices_[i] * axis.from_stride;
      to_ += indices_[i] * axis.to_stride;
    }
  }
  int64_t from() const { return from_; }
  int64_t to() const { return to_; }
  void Next() {
    for (int i = static_cast<int>(indices_.size()) - 1; i >= 0; --i) {
      if (i == copy_.transposed_axis_) continue;
      const Axis& axis = copy_.axes_[i];
      from_ += axis.from_stride;
      to_ += axis.to_stride;
      if (++indices_[i] < axis.size) return;
      indices_[i] = 0;
      from_ -= axis.size * axis.from_stride;
      to_ -= axis.size * axis.to_stride;
    }
  }

 private:
  const StridedCopy& copy_;
  absl::InlinedVector<int64_t, 8> indices_;
  int64_t from_ = 0, to_ = 0;
};

StridedCopy::StridedCopy(std::vector<Axis> axes, int64_t from_offset, int64_t to_offset, int64_t element_bytes)
    : axes_(std::move(axes)), from_offset_(from_offset), to_offset_(to_offset), element_bytes_(element_bytes) {
  Join(&axes_);
  // One long run is cut up, so that threads can share it.
  if (axes_.size() == 1 && axes_[0].size * element_bytes > 2 * kCopyGrainBytes) {
    const Axis whole = axes_[0];
    int64_t piece = kCopyGrainBytes / element_bytes;
    while (piece > 1024 && whole.size % piece != 0) piece /= 2;
    if (whole.size % piece == 0) {
      axes_ = {{whole.size / piece, piece * whole.from_stride, piece * whole.to_stride},
               {piece, whole.from_stride, whole.to_stride}};
    }
  }
  const Axis& last = axes_.back();
  if (last.from_stride == 1 || last.from_stride == 0 || last.size < 4) return;
  for (int i = 0; i + 1 < static_cast<int>(axes_.size()); ++i) {
    if (axes_[i].from_stride == 1 && axes_[i].size >= 4) transposed_axis_ = i;
  }
}

void StridedCopy::CopyRow(const char* from, char* to) const {
  const Axis& row = axes_.back();
  if (row.from_stride == 1 && row.to_stride == 1) {
    std::memcpy(to, from, row.size * element_bytes_);
    return;
  }
  switch (element_bytes_) {
    case 1:
      return CopyElements<uint8_t>(from, row.from_stride, to, row.to_stride, row.size);
    case 2:
      return CopyElements<uint16_t>(from, row.from_stride, to, row.to_stride, row.size);
    case 4:
      return CopyElements<uint32_t>(from, row.from_stride, to, row.to_stride, row.size);
    case 8:
      return CopyElements<uint64_t>(from, row.from_stride, to, row.to_stride, row.size);
    default:
      return CopyElements<Bytes16>(from, row.from_stride, to, row.to_stride, row.size);
  }
}

void StridedCopy::RunRows(const char* from, char* to, ThreadPool& pool) const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < axes_.size(); ++i) rows *= axes_[i].size;
  const int64_t row_bytes = std::max<int64_t>(axes_.back().size * element_bytes_, 1);
  pool.ParallelFor(rows, std::max<int64_t>(1, kCopyGrainBytes / row_bytes), [&](int64_t begin, int64_t end) {
    Walk walk(*this, begin);
    for (int64_t r = begin; r < end; ++r, walk.Next()) {
      CopyRow(from + walk.from() * element_bytes_, to + walk.to() * element_bytes_);
    }
  });
}

// `from` is contiguous down the rows, `to` along the columns.
void StridedCopy::TransposeBlock(const char* from, char* to, int64_t rows, const TileOps& tiles) const {
  const Axis &down = axes_[transposed_axis_], &along = axes_.back();
  if (element_bytes_ == 4 && along.to_stride == 1) {
    tiles.transpose(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to), along.size, rows,
                    along.from_stride, down.to_stride);
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    CopyRow(from + r * element_bytes_, to + r * down.to_stride * element_bytes_);
  }
}

void StridedCopy::RunTransposed(const char* from, char* to, ThreadPool& pool, const TileOps& tiles) const {
  const Axis& down = axes_[transposed_axis_];
  const int64_t blocks = CeilDiv(down.size, kTransposeBlock);
  int64_t others = 1;
  for (int i = 0; i + 1 < static_cast<int>(axes_.size()); ++i) {
    if (i != transposed_axis_) others *= axes_[i].size;
  }
  const int64_t block_bytes = std::min(down.size, kTransposeBlock) * axes_.back().size * element_bytes_;
  pool.ParallelFor(others * blocks, std::max<int64_t>(1, kCopyGrainBytes / block_bytes),
                   [&](int64_t begin, int64_t end) {
                     Walk walk(*this, begin / blocks);
                     for (int64_t i = begin; i < end; ++i) {
                       const int64_t first = i % blocks * kTransposeBlock;
                       TransposeBlock(from + (walk.from() + first) * element_bytes_,
                                      to + (walk.to() + first * down.to_stride) * element_bytes_,
                                      std::min(kTransposeBlock, down.size - first), tiles);
                       if (i % blocks == blocks - 1) walk.Next();
                     }
                   });
}

void StridedCopy::Run(const void* from, void* to, ThreadPool& pool, const TileOps& tiles) const {
  const char* x = static_cast<const char*>(from) + from_offset_ * element_bytes_;
  char* y = static_cast<char*>(to) + to_offset_ * element_bytes_;
  transposed_axis_ >= 0 ? RunTransposed(x, y, pool, tiles) : RunRows(x, y, pool);
}

}  // namespace moulin::cpu
