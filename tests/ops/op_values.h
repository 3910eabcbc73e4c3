// Short ways to make tensors and to read them, beside run_op.h.
#ifndef MOULIN_TESTS_OPS_OP_VALUES_H_
#define MOULIN_TESTS_OPS_OP_VALUES_H_

#include <algorithm>
#include <complex>
#include <string>
#include <utility>
#include <vector>

#include "base/half.h"
#include "moulin/tensor.h"
#include "tests/ops/run_op.h"

namespace moulin::testing {

template <typename T>
std::vector<T> Values(const Tensor& t) {
  if (!t.is_valid()) return {};
  return std::vector<T>(t.values<T>().begin(), t.values<T>().end());
}

template <typename T>
Tensor Vector(std::vector<T> values) {
  return Tensor::Of<T>(Shape({static_cast<int64_t>(values.size())}), absl::MakeConstSpan(values));
}

inline Tensor Bools(std::vector<bool> values) {
  Tensor t = Tensor::Allocate(DType::kBool, Shape({static_cast<int64_t>(values.size())})).value();
  std::copy(values.begin(), values.end(), t.mutable_values<bool>().begin());
  return t;
}

inline Tensor ComplexTensor(const Shape& shape, const std::vector<std::complex<double>>& values) {
  Tensor t = Tensor::Allocate(DType::kComplex128, shape).value();
  std::copy(values.begin(), values.end(), static_cast<std::complex<double>*>(t.mutable_data()));
  return t;
}

// The types of all outputs as text, or the error's message.
inline std::string InferredAll(OpKind kind, const Attrs& attrs, const std::vector<Operand>& operands) {
  const StatusOr<std::vector<TensorType>> types = InferOp(kind, attrs, operands);
  if (!types.ok()) return std::string(types.status().message());
  std::string text;
  for (const TensorType& t : *types) text += (text.empty() ? "" : " ") + t.ToString();
  return text;
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_OPS_OP_VALUES_H_
