// Sparse tensors as ops take them: three operands, coordinates, values and shape.
#ifndef MOULIN_OPS_SPARSE_COO_H_
#define MOULIN_OPS_SPARSE_COO_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "ops/op_def.h"
#include "ops/op_util.h"

namespace moulin {

// A view of the operands, which must outlive it.
struct SparseView {
  const int64_t* indices = nullptr;  // count rows of `rank`
  int64_t count = 0;
  int64_t rank = 0;
  Tensor values;
  std::vector<int64_t> shape;

  const int64_t* row(int64_t i) const { return indices + i * rank; }
  // -1, 0 or 1: how the rows compare in the order of the elements.
  static int Compare(const int64_t* a, const int64_t* b, int64_t rank) {
    for (int64_t d = 0; d < rank; ++d) {
      if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
    }
    return 0;
  }
};

// Reads three operands; E_DTYPE, E_SHAPE or (coordinates outside of the shape) E_VALUE, naming `what`.
StatusOr<SparseView> ReadSparse(const Tensor& indices, const Tensor& values, const Tensor& shape,
                                absl::string_view what);

// Writes a sparse tensor's three outputs: rows one after another, the chosen elements of `values` and the shape.
Status WriteSparse(const KernelContext& c, int indices_output, int values_output, int shape_output,
                   const std::vector<int64_t>& rows, const std::vector<int64_t>& from, const Tensor& values,
                   const std::vector<int64_t>& shape);
// One int64 tensor of the given elements.
Status WriteInts(const KernelContext& c, int output, const Shape& shape, const std::vector<int64_t>& values);

}  // namespace moulin

#endif  // MOULIN_OPS_SPARSE_COO_H_
