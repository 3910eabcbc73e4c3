// Covered by tests/cuda/libraries/library_path_test.cc.
#include "cuda/weights.h"

#include <cstring>

#include "base/status_macros.h"

namespace moulin::cuda {

StatusOr<Tensor> PackFilter(const Tensor& filter) {
  const Shape& shape = filter.shape();
  const int64_t columns = shape[shape.rank() - 1];
  const int64_t rows = columns == 0 ? 0 : filter.num_elements() / columns;
  Shape packed({columns});
  for (int i = 0; i < shape.rank() - 1; ++i) packed.push_back(shape[i]);
  MOULIN_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(filter.dtype(), packed));
  const size_t size = SizeOf(filter.dtype());
  const char* from = static_cast<const char*>(filter.data());
  char* to = static_cast<char*>(result.mutable_data());
  for (int64_t column = 0; column < columns; ++column) {
    for (int64_t row = 0; row < rows; ++row) {
      std::memcpy(to, from + (row * columns + column) * size, size);
      to += size;
    }
  }
  return result;
}

}  // namespace moulin::cuda
