#include "engine/difference.h"

#include <cmath>
#include <complex>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/half.h"

namespace moulin::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
std::complex<double> Widen(T x) {
  return {static_cast<double>(static_cast<float>(x)), 0};
}
template <>
std::complex<double> Widen(double x) {
  return {x, 0};
}
template <>
std::complex<double> Widen(std::complex<float> x) {
  return {x.real(), x.imag()};
}
template <>
std::complex<double> Widen(std::complex<double> x) {
  return x;
}

bool IsNan(std::complex<double> x) { return std::isnan(x.real()) || std::isnan(x.imag()); }
bool IsFinite(std::complex<double> x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); }

double Distance(std::complex<double> a, std::complex<double> b) {
  if (a == b || (IsNan(a) && IsNan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? kInfinity : d;
}

void Fail(Difference* out, std::string what) {
  out->within = false;
  out->max_abs = out->max_rel = kInfinity;
  out->what = std::move(what);
}

template <typename T>
void CompareNumbers(const Tensor& found, const Tensor& expected, const Tolerance& tolerance, Difference* out) {
  const T* a = found.values<T>().data();
  const T* b = expected.values<T>().data();
  double worst_excess = 0;
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    const std::complex<double> x = Widen(a[i]), y = Widen(b[i]);
    const double distance = Distance(x, y);
    const double scale = IsFinite(y) ? std::abs(y) : 0;
    out->max_abs = std::max(out->max_abs, distance);
    out->max_rel = std::max(out->max_rel, distance / std::max(scale, 1e-6));
    const double excess = distance - (tolerance.atol + tolerance.rtol * scale);
    if (excess > worst_excess) {
      worst_excess = excess;
      out->worst_index = i;
    }
  }
}

template <typename T>
void CompareExactly(const Tensor& found, const Tensor& expected, Difference* out) {
  const T* a = found.values<T>().data();
  const T* b = expected.values<T>().data();
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    if (a[i] == b[i]) continue;
    if (out->worst_index < 0) out->worst_index = i;
    if constexpr (std::is_arithmetic_v<T>) {
      const double distance = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
      out->max_abs = std::max(out->max_abs, std::max(distance, 1.0));
      out->max_rel = std::max(out->max_rel, distance / std::max(std::abs(static_cast<double>(b[i])), 1e-6));
    } else {
      out->max_abs = out->max_rel = 1;
    }
  }
}

void CompareElements(const Tensor& found, const Tensor& expected, const Tolerance& tolerance, Difference* out) {
  switch (expected.dtype()) {
    case DType::kFloat32:
      return CompareNumbers<float>(found, expected, tolerance, out);
    case DType::kFloat64:
      return CompareNumbers<double>(found, expected, tolerance, out);
    case DType::kFloat16:
      return CompareNumbers<Half>(found, expected, tolerance, out);
    case DType::kBFloat16:
      return CompareNumbers<BFloat16>(found, expected, tolerance, out);
    case DType::kComplex64:
      return CompareNumbers<std::complex<float>>(found, expected, tolerance, out);
    case DType::kComplex128:
      return CompareNumbers<std::complex<double>>(found, expected, tolerance, out);
    case DType::kBool:
    case DType::kUInt8:
    case DType::kQUInt8:
      return CompareExactly<uint8_t>(found, expected, out);
    case DType::kInt8:
    case DType::kQInt8:
      return CompareExactly<int8_t>(found, expected, out);
    case DType::kInt16:
    case DType::kQInt16:
      return CompareExactly<int16_t>(found, expected, out);
    case DType::kUInt16:
    case DType::kQUInt16:
      return CompareExactly<uint16_t>(found, expected, out);
    case DType::kInt32:
    case DType::kQInt32:
      return CompareExactly<int32_t>(found, expected, out);
    case DType::kUInt32:
      return CompareExactly<uint32_t>(found, expected, out);
    case DType::kInt64:
      return CompareExactly<int64_t>(found, expected, out);
    case DType::kUInt64:
      return CompareExactly<uint64_t>(found, expected, out);
    case DType::kString:
      return CompareExactly<std::string>(found, expected, out);
    default:
      return Fail(out, absl::StrCat("type ", Name(expected.dtype()), " cannot be compared"));
  }
}

// One element as a tensor of its own, for messages.
std::string ElementText(const Tensor& t, int64_t i) {
  if (t.dtype() == DType::kString) return Tensor::OfStrings(Shape(), {t.strings()[i]}).ToString();
  const char* bytes = static_cast<const char*>(t.data()) + i * static_cast<int64_t>(SizeOf(t.dtype()));
  return Tensor::Borrow(t.dtype(), Shape(), nullptr, bytes).ToString();
}

}  // namespace

Difference Compare(const Tensor& found, const Tensor& expected, const Tolerance& tolerance) {
  Difference out;
  if (found.dtype() != expected.dtype() || !(found.shape() == expected.shape())) {
    Fail(&out, absl::StrCat("expected ", ShortName(expected.dtype()), expected.shape().ToString(), ", found ",
                            ShortName(found.dtype()), found.shape().ToString()));
    return out;
  }
  CompareElements(found, expected, tolerance, &out);
  if (out.worst_index >= 0) {
    out.within = false;
    out.what = absl::StrCat("element ", out.worst_index, ": expected ", ElementText(expected, out.worst_index),
                            ", found ", ElementText(found, out.worst_index), "; max abs error ", out.max_abs,
                            ", max rel error ", out.max_rel);
  }
  return out;
}

}  // namespace moulin::internal
