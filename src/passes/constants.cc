#include "passes/constants.h"

#include <complex>

#include "base/half.h"

namespace moulin {
namespace {

template <typename T>
T First(const Tensor& t) {
  return *static_cast<const T*>(t.data());
}

ExprConstant OfReal(double value) { return {.real = value}; }
ExprConstant OfInteger(int64_t value) { return {.integer = value}; }
template <typename T>
ExprConstant OfComplex(const std::complex<T>& value) {
  return {.real = value.real(), .imag = value.imag()};
}

template <typename T>
std::vector<double> Widen(const Tensor& t) {
  std::vector<double> values(t.num_elements());
  const T* data = static_cast<const T*>(t.data());
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_arithmetic_v<T>) {
      values[i] = data[i];
    } else {
      values[i] = static_cast<float>(data[i]);
    }
  }
  return values;
}

template <typename T>
void Narrow(absl::Span<const double> values, Tensor* t) {
  T* data = static_cast<T*>(t->mutable_data());
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_arithmetic_v<T>) {
      data[i] = static_cast<T>(values[i]);
    } else {
      data[i] = T(static_cast<float>(values[i]));
    }
  }
}

}  // namespace

std::optional<ExprConstant> ScalarConstant(const Tensor& t) {
  if (!t.is_valid() || t.num_elements() != 1) return std::nullopt;
  switch (t.dtype()) {
    case DType::kFloat32:
      return OfReal(First<float>(t));
    case DType::kFloat64:
      return OfReal(First<double>(t));
    case DType::kFloat16:
      return OfReal(static_cast<float>(First<Half>(t)));
    case DType::kBFloat16:
      return OfReal(static_cast<float>(First<BFloat16>(t)));
    case DType::kComplex64:
      return OfComplex(First<std::complex<float>>(t));
    case DType::kComplex128:
      return OfComplex(First<std::complex<double>>(t));
    case DType::kBool:
      return OfInteger(First<uint8_t>(t) != 0);
    case DType::kInt8:
    case DType::kQInt8:
      return OfInteger(First<int8_t>(t));
    case DType::kUInt8:
    case DType::kQUInt8:
      return OfInteger(First<uint8_t>(t));
    case DType::kInt16:
    case DType::kQInt16:
      return OfInteger(First<int16_t>(t));
    case DType::kUInt16:
    case DType::kQUInt16:
      return OfInteger(First<uint16_t>(t));
    case DType::kInt32:
    case DType::kQInt32:
      return OfInteger(First<int32_t>(t));
    case DType::kUInt32:
      return OfInteger(First<uint32_t>(t));
    case DType::kInt64:
      return OfInteger(First<int64_t>(t));
    case DType::kUInt64:
      return OfInteger(static_cast<int64_t>(First<uint64_t>(t)));
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<double>> ToDoubles(const Tensor& t) {
  switch (t.dtype()) {
    case DType::kFloat32:
      return Widen<float>(t);
    case DType::kFloat64:
      return Widen<double>(t);
    case DType::kFloat16:
      return Widen<Half>(t);
    case DType::kBFloat16:
      return Widen<BFloat16>(t);
    default:
      return std::nullopt;
  }
}

Tensor FromDoubles(DType type, const Shape& shape, absl::Span<const double> values) {
  StatusOr<Tensor> t = Tensor::Allocate(type, shape);
  if (!t.ok()) return Tensor();
  switch (type) {
    case DType::kFloat32:
      Narrow<float>(values, &*t);
      break;
    case DType::kFloat64:
      Narrow<double>(values, &*t);
      break;
    case DType::kFloat16:
      Narrow<Half>(values, &*t);
      break;
    case DType::kBFloat16:
      Narrow<BFloat16>(values, &*t);
      break;
    default:
      return Tensor();
  }
  return *std::move(t);
}

absl::flat_hash_map<const void*, int> UsesOfMemory(const Graph& graph) {
  absl::flat_hash_map<const void*, int> uses;
  for (ValueId v = 0; v < graph.num_values(); ++v) {
    if (graph.value(v).is_constant()) ++uses[graph.value(v).constant.data()];
  }
  return uses;
}

}  // namespace moulin
