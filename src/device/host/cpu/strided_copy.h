// Copies between two strided arrays: what transposing, slicing, broadcasting, padding and joining come down to.
#ifndef MOULIN_DEVICE_HOST_CPU_STRIDED_COPY_H_
#define MOULIN_DEVICE_HOST_CPU_STRIDED_COPY_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "device/host/cpu/thread_pool.h"
#include "device/host/cpu/tile_ops.h"

namespace moulin::cpu {

// to[to_offset + sum i_k to_strides[k]] = from[from_offset + sum i_k from_strides[k]] for every index i below dims.
// Strides and offsets count elements; those of `from` may be 0 or negative. The last axis of `to` should have the
// smallest stride. Run is thread-safe.
class StridedCopy {
 public:
  struct Axis {
    int64_t size, from_stride, to_stride;
  };
  StridedCopy(std::vector<Axis> axes, int64_t from_offset, int64_t to_offset, int64_t element_bytes);

  void Run(const void* from, void* to, ThreadPool& pool, const TileOps& tiles) const;

 private:
  class Walk;
  void RunRows(const char* from, char* to, ThreadPool& pool) const;
  void RunTransposed(const char* from, char* to, ThreadPool& pool, const TileOps& tiles) const;
  void CopyRow(const char* from, char* to) const;
  void TransposeBlock(const char* from, char* to, int64_t rows, const TileOps& tiles) const;

  std::vector<Axis> axes_;  // joined; at least one
  int64_t from_offset_, to_offset_;
  int64_t element_bytes_;
  int transposed_axis_ = -1;  // the axis along which `from` is contiguous, where that is not the last
};

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_STRIDED_COPY_H_
