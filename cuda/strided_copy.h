// Copies between two strided arrays on the device: what transposing, slicing, broadcasting and tiling come down to.
#ifndef MOULIN_CUDA_STRIDED_COPY_H_
#define MOULIN_CUDA_STRIDED_COPY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cuda/kernels/movement.h"
#include "cuda/runtime/launch.h"
#include "moulin/shape.h"
#include "moulin/status.h"

namespace moulin::cuda {

// The widest unit, of at most 16 bytes, that all of these numbers of bytes are multiples of.
int64_t WidestUnit(absl::Span<const int64_t> bytes);

// y[y_offset + sum i_k y_stride_k] = x[x_offset + sum i_k x_stride_k] for every index i below the sizes. Strides and
// offsets count elements; those of x may be 0 or negative. The last axis of y should have the smallest stride.
// Immutable.
class StridedCopy {
 public:
  struct Axis {
    int64_t size, x_stride, y_stride;
  };
  // Nothing where more axes remain than a kernel takes.
  static std::optional<StridedCopy> Make(std::vector<Axis> axes, int64_t x_offset, int64_t y_offset,
                                         int64_t element_bytes);
  // "copy", or "transpose" where tiles go through shared memory; and the bytes that a thread moves at once.
  const char* algorithm() const { return is_transpose_ ? "transpose" : "copy"; }
  int64_t unit_bytes() const { return unit_bytes_; }
  Status Enqueue(const LaunchContext& context, const void* x, void* y) const;

 private:
  StridedCopy() = default;
  bool is_transpose_ = false;
  int64_t unit_bytes_ = 1;
  StridedCopyParams copy_;
  TransposeParams transpose_;
};

// The copy that gives axis i of y the axis permutation[i] of x, whose shape is `x`.
std::optional<StridedCopy> PermutedCopy(const Shape& x, absl::Span<const int64_t> permutation, int64_t element_bytes);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_STRIDED_COPY_H_
