// Tested by tests/cli/input_expression_test.cc.
#include "cli/scalar_tensor.h"

#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"

namespace moulin::cli {
namespace {

Status CannotHold(DType type, const Scalar& value) {
  const std::string shown = value.kind == Scalar::kString ? absl::StrCat("\"", Printable(value.string), "\"")
                            : value.kind == Scalar::kReal ? absl::StrCat(value.real)
                                                          : absl::StrCat(value.integer);
  return MakeError(ErrorCode::kValue, "the type ", Name(type), " cannot hold ", shown);
}

template <typename T>
bool Convert(const Scalar& value, T* to) {
  if (value.kind == Scalar::kString) return false;
  if constexpr (std::is_integral_v<T>) {
    if (value.kind == Scalar::kReal) {
      const double lowest = static_cast<double>(std::numeric_limits<T>::lowest());
      const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
      if (!(value.real >= lowest && value.real < beyond) || value.real != std::floor(value.real)) return false;
      *to = static_cast<T>(value.real);
    } else {
      if (!std::in_range<T>(value.integer)) return false;
      *to = static_cast<T>(value.integer);
    }
  } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::complex<double>>) {
    *to = value.real;
  } else {
    *to = static_cast<T>(static_cast<float>(value.real));
  }
  return true;
}

// Fills `tensor` with value(0), value(1), ...
template <typename T>
Status FillAs(const ScalarAt& value, Tensor* tensor) {
  int64_t i = 0;
  for (T& element : tensor->mutable_values<T>()) {
    const Scalar scalar = value(i++);
    if (!Convert(scalar, &element)) return CannotHold(tensor->dtype(), scalar);
  }
  return absl::OkStatus();
}

Status FillStrings(const ScalarAt& value, Tensor* tensor) {
  int64_t i = 0;
  for (std::string& element : tensor->mutable_strings()) {
    const Scalar scalar = value(i++);
    if (scalar.kind != Scalar::kString) return CannotHold(tensor->dtype(), scalar);
    element = scalar.string;
  }
  return absl::OkStatus();
}

Status FillBools(const ScalarAt& value, Tensor* tensor) {
  int64_t i = 0;
  for (uint8_t& element : tensor->mutable_values<uint8_t>()) {
    const Scalar scalar = value(i++);
    if (scalar.kind == Scalar::kString || (scalar.real != 0 && scalar.real != 1)) {
      return CannotHold(tensor->dtype(), scalar);
    }
    element = scalar.real == 1;
  }
  return absl::OkStatus();
}

Status Fill(const ScalarAt& value, Tensor* t) {
  switch (t->dtype()) {
    case DType::kFloat32:
      return FillAs<float>(value, t);
    case DType::kFloat64:
      return FillAs<double>(value, t);
    case DType::kFloat16:
      return FillAs<Half>(value, t);
    case DType::kBFloat16:
      return FillAs<BFloat16>(value, t);
    case DType::kComplex64:
      return FillAs<std::complex<float>>(value, t);
    case DType::kComplex128:
      return FillAs<std::complex<double>>(value, t);
    case DType::kInt8:
    case DType::kQInt8:
      return FillAs<int8_t>(value, t);
    case DType::kInt16:
    case DType::kQInt16:
      return FillAs<int16_t>(value, t);
    case DType::kInt32:
    case DType::kQInt32:
      return FillAs<int32_t>(value, t);
    case DType::kInt64:
      return FillAs<int64_t>(value, t);
    case DType::kUInt8:
    case DType::kQUInt8:
      return FillAs<uint8_t>(value, t);
    case DType::kUInt16:
    case DType::kQUInt16:
      return FillAs<uint16_t>(value, t);
    case DType::kUInt32:
      return FillAs<uint32_t>(value, t);
    case DType::kUInt64:
      return FillAs<uint64_t>(value, t);
    case DType::kBool:
      return FillBools(value, t);
    case DType::kString:
      return FillStrings(value, t);
    default:
      return MakeError(ErrorCode::kDType, "cannot make values of the type ", Name(t->dtype()));
  }
}

}  // namespace

StatusOr<Shape> BoundedShape(const std::vector<int64_t>& dims, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
  const auto bytes = static_cast<int64_t>(type == DType::kString ? sizeof(std::string) : SizeOf(type));
  if (bytes > 0 && shape.num_elements() > kMaxTensorBytes / bytes) {
    return MakeError(ErrorCode::kLimit, shape.ToString(), " of ", Name(type), " is more than ", kMaxTensorBytes,
                     " bytes");
  }
  return shape;
}

StatusOr<Tensor> MakeTensor(const std::vector<int64_t>& dims, DType type, const ScalarAt& value) {
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, BoundedShape(dims, type));
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type, shape));
  MOULIN_RETURN_IF_ERROR(Fill(value, &tensor));
  return tensor;
}

}  // namespace moulin::cli
