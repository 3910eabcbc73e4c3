// What shape functions and reference kernels share: reading constant operands, checking sizes, moving elements.
#ifndef MOULIN_OPS_OP_UTIL_H_
#define MOULIN_OPS_OP_UTIL_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernels/index_map.h"
#include "ops/graph_builder.h"
#include "ops/op_def.h"

namespace moulin {

using Ints = std::vector<int64_t>;

// The integers of input `i`, or nothing where its elements are not known. E_DTYPE where it is no integer tensor.
StatusOr<std::optional<Ints>> KnownInts(const InferContext& c, int i);
// The same for an operand that must hold one element.
StatusOr<std::optional<int64_t>> KnownInt(const InferContext& c, int i, absl::string_view what);

// The number of elements of a vector (or scalar) operand from its type alone; kUnknownDim where not known.
int64_t KnownElements(const PartialShape& shape);

// `axis` with negative values counted from the end: E_ATTR unless in [-rank, rank).
StatusOr<int> NormalizeAxis(int64_t axis, int rank, absl::string_view what = "axis");

// E_SHAPE unless the rank is unknown or `rank`.
Status CheckRank(const PartialShape& shape, int rank, absl::string_view what);
Status CheckRankAtLeast(const PartialShape& shape, int rank, absl::string_view what);
// E_DTYPE unless the two are equal.
Status CheckSameType(DType a, DType b, absl::string_view what);

// The size that both must have; E_SHAPE where both are known and differ.
StatusOr<int64_t> MergeDims(int64_t a, int64_t b, absl::string_view what);
// The same over whole shapes.
StatusOr<PartialShape> MergeShapes(const PartialShape& a, const PartialShape& b, absl::string_view what);
// The shape that both broadcast to, with as much of it known as can be.
StatusOr<PartialShape> BroadcastPartial(const PartialShape& a, const PartialShape& b);

// Appends an output after checking its known sizes: E_SHAPE where one is negative (other than kUnknownDim) or their
// product overflows, E_LIMIT where the bytes exceed Limits::tensor_bytes.
Status AddOutput(InferContext& c, DType dtype, const PartialShape& shape);

// a * b and a + b, or nothing on overflow. Unknown where either is.
std::optional<int64_t> MulDims(int64_t a, int64_t b);
std::optional<int64_t> AddDims(int64_t a, int64_t b);

// The product of dims[begin, end); unknown where one of them is (unless another is 0).
int64_t DimProduct(absl::Span<const int64_t> dims, int begin, int end);
Shape::Dims RowMajorStrides(const Shape& shape);

// The map of a broadcast of shape `from` to `to`: E_SHAPE where it does not broadcast so, E_UNSUPPORTED above
// kMaxMapRank axes.
StatusOr<StridedMap> BroadcastMap(const Shape& from, const Shape& to);

// Runs `infer` on the actual inputs, all of them known.
Status InferFromInputs(const KernelContext& c, InferFn infer, std::vector<TensorType>* outputs);
// The same, and allocates every output. Kernels call it first, so that
// what a shape function checks need not be checked again.
Status AllocateInferred(const KernelContext& c, InferFn infer);

// Copies `count` elements of one type from src[src_begin...] to dst[dst_begin...].
void CopyElements(const Tensor& src, int64_t src_begin, Tensor& dst, int64_t dst_begin, int64_t count);

struct Bytes16 {
  uint64_t parts[2];
};

// Calls f(T()) with a type T of the element size of `type` (std::string for strings).
template <typename F>
void DispatchBySize(DType type, F f) {
  if (type == DType::kString) return f(std::string());
  switch (SizeOf(type)) {
    case 1:
      return f(uint8_t());
    case 2:
      return f(uint16_t());
    case 4:
      return f(uint32_t());
    case 8:
      return f(uint64_t());
    default:
      return f(Bytes16());
  }
}

// y[i] = x[index(i)] for every element of y; where index(i) < 0 the element is fill[0] (or stays where fill is null).
template <typename Index>
void GatherElements(const Tensor& x, Tensor& y, const Index& index, const Tensor* fill = nullptr) {
  DispatchBySize(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto* src = static_cast<const T*>(x.data());
    auto* dst = static_cast<T*>(y.mutable_data());
    const int64_t n = y.num_elements();
    for (int64_t i = 0; i < n; ++i) {
      const int64_t from = index(i);
      if (from >= 0) {
        dst[i] = src[from];
      } else if (fill != nullptr) {
        dst[i] = *static_cast<const T*>(fill->data());
      }
    }
  });
}

// y[index(i)] = x[i] for every element of x.
template <typename Index>
void ScatterElements(const Tensor& x, Tensor& y, const Index& index) {
  DispatchBySize(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto* src = static_cast<const T*>(x.data());
    auto* dst = static_cast<T*>(y.mutable_data());
    const int64_t n = x.num_elements();
    for (int64_t i = 0; i < n; ++i) dst[index(i)] = src[i];
  });
}

}  // namespace moulin

#endif  // MOULIN_OPS_OP_UTIL_H_
