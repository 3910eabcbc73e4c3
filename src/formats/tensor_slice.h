// Slices: the rectangles in which a checkpoint keeps a partitioned variable.
#ifndef MOULIN_FORMATS_TENSOR_SLICE_H_
#define MOULIN_FORMATS_TENSOR_SLICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/tensor_bundle.pb.h"

namespace moulin {

struct TensorSlice {
  static constexpr int64_t kWholeAxis = -1;
  struct Extent {
    int64_t start = 0;
    int64_t length = kWholeAxis;
  };
  std::vector<Extent> extents;  // one an axis
};

TensorSlice SliceFromProto(const tf::TensorSliceProto& proto);

// As a graph's SaveV2 and RestoreV2 write it, after the whole shape ("4 6 0,2:-" is the slice "0,2:-" of [4,6]);
// E_PARSE.
StatusOr<TensorSlice> SliceFromString(absl::string_view text);
std::string ToString(const TensorSlice& slice);  // "0,2:-"

// The slice with every length spelled out. E_SHAPE where it is of another rank or reaches beyond `whole`.
StatusOr<TensorSlice> Resolve(const TensorSlice& slice, const Shape& whole);
// The shape of a resolved slice.
Shape ShapeOf(const TensorSlice& resolved);

// Whether the resolved slices cover `whole` once. E_SHAPE where two overlap or some elements are in none; E_LIMIT for
// more slices than can be compared with each other in reasonable time.
Status CheckSlicesTile(absl::Span<const TensorSlice> resolved, const Shape& whole);

// The key of a tensor's slice in an index; `slice` as stored there.
std::string EncodeSliceKey(absl::string_view tensor, const TensorSlice& slice);

// Copies all of `part`, which is the part `slice` (resolved) of `*whole`, to its place. Equal types.
void CopySliceInto(const Tensor& part, const TensorSlice& slice, Tensor* whole);
// The part `slice` (resolved) of `whole`.
StatusOr<Tensor> CopySliceOf(const Tensor& whole, const TensorSlice& slice);

}  // namespace moulin

#endif  // MOULIN_FORMATS_TENSOR_SLICE_H_
