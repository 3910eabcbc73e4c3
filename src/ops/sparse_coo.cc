#include "ops/sparse_coo.h"

#include <algorithm>

namespace moulin {

StatusOr<SparseView> ReadSparse(const Tensor& indices, const Tensor& values, const Tensor& shape,
                                absl::string_view what) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt64, indices.dtype(), "the coordinates of a sparse tensor"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt64, shape.dtype(), "the shape of a sparse tensor"));
  const bool fits = indices.shape().rank() == 2 && values.shape().rank() == 1 && shape.shape().rank() == 1 &&
                    indices.shape().dim(0) == values.shape().dim(0) && indices.shape().dim(1) == shape.shape().dim(0);
  if (!fits) {
    return MakeError(ErrorCode::kShape, what, ": expected coordinates [n,rank], values [n] and a shape [rank], got ",
                     indices.shape().ToString(), ", ", values.shape().ToString(), " and ", shape.shape().ToString());
  }
  SparseView x;
  x.indices = indices.values<int64_t>().data();
  x.count = values.num_elements();
  x.rank = shape.num_elements();
  x.values = values;
  x.shape.assign(shape.values<int64_t>().begin(), shape.values<int64_t>().end());
  MOULIN_RETURN_IF_ERROR(Shape::Make(x.shape).status());
  for (int64_t i = 0; i < x.count * x.rank; ++i) {
    const int64_t size = x.shape[i % x.rank];
    if (x.indices[i] >= 0 && x.indices[i] < size) continue;
    return MakeError(ErrorCode::kValue, what, ": coordinate ", x.indices[i], " of element ", i / x.rank,
                     " is outside of the size ", size);
  }
  return x;
}

Status WriteInts(const KernelContext& c, int output, const Shape& shape, const std::vector<int64_t>& values) {
  MOULIN_RETURN_IF_ERROR(c.Allocate(output, DType::kInt64, shape));
  std::copy(values.begin(), values.end(), c.output(output).mutable_values<int64_t>().begin());
  return absl::OkStatus();
}

Status WriteSparse(const KernelContext& c, int indices_output, int values_output, int shape_output,
                   const std::vector<int64_t>& rows, const std::vector<int64_t>& from, const Tensor& values,
                   const std::vector<int64_t>& shape) {
  const auto count = static_cast<int64_t>(from.size());
  const auto rank = static_cast<int64_t>(shape.size());
  MOULIN_RETURN_IF_ERROR(WriteInts(c, indices_output, Shape{count, rank}, rows));
  MOULIN_RETURN_IF_ERROR(c.Allocate(values_output, values.dtype(), Shape{count}));
  GatherElements(values, c.output(values_output), [&](int64_t i) { return from[i]; });
  return WriteInts(c, shape_output, Shape{rank}, shape);
}

}  // namespace moulin
