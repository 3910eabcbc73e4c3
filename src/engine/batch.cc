// Tested by tests/engine/batch_test.cc.
#include "engine/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::internal {
namespace {

Shape WithRows(Shape shape, int64_t rows) {
  shape.set_dim(0, rows);
  return shape;
}

void CopyElements(const Tensor& from, int64_t from_begin, Tensor* to, int64_t to_begin, int64_t count) {
  if (from.dtype() == DType::kString) {
    std::copy_n(from.strings().begin() + from_begin, count, to->mutable_strings().begin() + to_begin);
    return;
  }
  const int64_t size = SizeOf(from.dtype());
  if (count == 0) return;
  std::memcpy(static_cast<char*>(to->mutable_data()) + to_begin * size,
              static_cast<const char*>(from.data()) + from_begin * size, count * size);
}

int64_t TotalRows(const Batch& batch) {
  int64_t rows = 0;
  for (const auto& request : batch) rows += RowsOf(request->request());
  return rows;
}

StatusOr<Tensor> JoinInput(const Batch& batch, size_t input) {
  const Tensor& first = batch[0]->request().inputs[input];
  MOULIN_ASSIGN_OR_RETURN(Tensor joined,
                          Tensor::AllocateUninitialized(first.dtype(), WithRows(first.shape(), TotalRows(batch))));
  int64_t at = 0;
  for (const auto& request : batch) {
    const Tensor& part = request->request().inputs[input];
    CopyElements(part, 0, &joined, at, part.num_elements());
    at += part.num_elements();
  }
  return joined;
}

StatusOr<Tensor> Rows(const Tensor& output, int64_t begin, int64_t rows) {
  MOULIN_ASSIGN_OR_RETURN(Tensor part, Tensor::AllocateUninitialized(output.dtype(), WithRows(output.shape(), rows)));
  const int64_t row = output.num_elements() / output.shape()[0];
  CopyElements(output, begin * row, &part, 0, rows * row);
  return part;
}

}  // namespace

int64_t RowsOf(const BoundRequest& request) {
  int64_t rows = -1;
  for (const Tensor& input : request.inputs) {
    if (input.shape().rank() == 0 || (rows >= 0 && input.shape()[0] != rows)) return 0;
    rows = input.shape()[0];
  }
  return std::max<int64_t>(rows, 0);
}

bool CanJoin(const BoundRequest& a, const BoundRequest& b) {
  if (RowsOf(a) == 0 || RowsOf(b) == 0) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    if (a.inputs[i].shape().dims().subspan(1) != b.inputs[i].shape().dims().subspan(1)) return false;
  }
  return true;
}

StatusOr<std::vector<Tensor>> TakeInputs(const Batch& batch) {
  std::vector<Tensor>& first = batch[0]->request().inputs;
  if (batch.size() == 1) return std::move(first);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < first.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(Tensor joined, JoinInput(batch, i));
    inputs.push_back(std::move(joined));
  }
  return inputs;
}

StatusOr<std::vector<Outputs>> SplitOutputs(const Batch& batch, const Outputs& outputs) {
  const int64_t total = TotalRows(batch);
  for (const Tensor& output : outputs) {
    if (output.shape().rank() > 0 && output.shape()[0] == total) continue;
    return MakeError(ErrorCode::kShape, "expected an output of ", total, " rows, as the inputs have, found ",
                     output.shape().ToString());
  }
  std::vector<Outputs> parts(batch.size());
  int64_t begin = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const int64_t rows = RowsOf(batch[i]->request());
    for (const Tensor& output : outputs) {
      MOULIN_ASSIGN_OR_RETURN(Tensor part, Rows(output, begin, rows));
      parts[i].push_back(std::move(part));
    }
    begin += rows;
  }
  return parts;
}

}  // namespace moulin::internal
