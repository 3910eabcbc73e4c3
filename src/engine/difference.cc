#include "engine/difference.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/half.h"

namespace moulin::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double Widen(Half x) { return static_cast<float>(x); }
double Widen(BFloat16 x) { return static_cast<float>(x); }
std::complex<double> Widen(std::complex<float> x) { return x; }
std::complex<double> Widen(std::complex<double> x) { return x; }
template <typename T>
double Widen(T x) {
  return static_cast<double>(x);
}

// 64-bit integers that differ may be the same double.
template <typename T>
bool Equal(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a == b;
  } else {
    return Widen(a) == Widen(b);
  }
}

bool IsNan(double x) { return std::isnan(x); }
bool IsNan(std::complex<double> x) { return std::isnan(x.real()) || std::isnan(x.imag()); }
bool IsFinite(double x) { return std::isfinite(x); }
bool IsFinite(std::complex<double> x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); }

// Adds pairs of elements up to a Difference.
class Account {
 public:
  Account(const Tolerance& tolerance, Difference* out) : tolerance_(tolerance), out_(out) {}
  ~Account() {
    if (expected_squared_ > 0) out_->relative_norm = std::sqrt(error_squared_ / expected_squared_);
  }

  template <typename T>
  void Add(int64_t i, T found, T expected) {
    const auto x = Widen(found), y = Widen(expected);
    out_->found_nan |= IsNan(x);
    out_->expected_nan |= IsNan(y);
    const double scale = IsFinite(y) ? std::abs(y) : 0;
    expected_squared_ += scale * scale;
    if (Equal(found, expected) || (IsNan(x) && IsNan(y))) return;
    double error = kInfinity;  // a NaN or an infinity on one side only
    if (IsFinite(x) && IsFinite(y)) {
      error = std::abs(x - y);
      if (std::is_integral_v<T>) error = std::max(error, 1.0);  // as doubles they may be equal
      error_squared_ += error * error;
      out_->max_abs = std::max(out_->max_abs, error);
      out_->max_rel = std::max(out_->max_rel, error / std::max(scale, 1e-6));
    }
    AddExcess(i, error - (tolerance_.atol + tolerance_.rtol * scale));
  }
  void Add(int64_t i, const std::string& found, const std::string& expected) {
    if (found != expected) AddExcess(i, 1);
  }

 private:
  void AddExcess(int64_t i, double excess) {
    if (excess <= 0) return;
    ++out_->mismatches;
    if (out_->worst_index >= 0 && excess <= worst_excess_) return;
    worst_excess_ = excess;
    out_->worst_index = i;
  }

  const Tolerance tolerance_;
  Difference* out_;
  double worst_excess_ = 0;
  double error_squared_ = 0, expected_squared_ = 0;
};

template <typename T>
void CompareAll(const Tensor& found, const Tensor& expected, const Tolerance& tolerance, Difference* out) {
  const T* a = found.values<T>().data();
  const T* b = expected.values<T>().data();
  Account account(tolerance, out);
  for (int64_t i = 0; i < expected.num_elements(); ++i) account.Add(i, a[i], b[i]);
}

void CompareElements(const Tensor& found, const Tensor& expected, const Tolerance& tolerance, Difference* out) {
  switch (expected.dtype()) {
    case DType::kFloat32:
      return CompareAll<float>(found, expected, tolerance, out);
    case DType::kFloat64:
      return CompareAll<double>(found, expected, tolerance, out);
    case DType::kFloat16:
      return CompareAll<Half>(found, expected, tolerance, out);
    case DType::kBFloat16:
      return CompareAll<BFloat16>(found, expected, tolerance, out);
    case DType::kComplex64:
      return CompareAll<std::complex<float>>(found, expected, tolerance, out);
    case DType::kComplex128:
      return CompareAll<std::complex<double>>(found, expected, tolerance, out);
    case DType::kBool:
    case DType::kUInt8:
    case DType::kQUInt8:
      return CompareAll<uint8_t>(found, expected, tolerance, out);
    case DType::kInt8:
    case DType::kQInt8:
      return CompareAll<int8_t>(found, expected, tolerance, out);
    case DType::kInt16:
    case DType::kQInt16:
      return CompareAll<int16_t>(found, expected, tolerance, out);
    case DType::kUInt16:
    case DType::kQUInt16:
      return CompareAll<uint16_t>(found, expected, tolerance, out);
    case DType::kInt32:
    case DType::kQInt32:
      return CompareAll<int32_t>(found, expected, tolerance, out);
    case DType::kUInt32:
      return CompareAll<uint32_t>(found, expected, tolerance, out);
    case DType::kInt64:
      return CompareAll<int64_t>(found, expected, tolerance, out);
    case DType::kUInt64:
      return CompareAll<uint64_t>(found, expected, tolerance, out);
    case DType::kString:
      return CompareAll<std::string>(found, expected, tolerance, out);
    default:
      out->what = absl::StrCat("type ", Name(expected.dtype()), " cannot be compared");
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
    out.what = absl::StrCat("expected ", ShortName(expected.dtype()), expected.shape().ToString(), ", found ",
                            ShortName(found.dtype()), found.shape().ToString());
    return out;
  }
  const bool exact = !IsFloating(expected.dtype()) && !IsComplex(expected.dtype());
  CompareElements(found, expected, exact ? Tolerance() : tolerance, &out);
  if (out.worst_index >= 0) {
    out.what = absl::StrCat("element ", out.worst_index, ": expected ", ElementText(expected, out.worst_index),
                            ", found ", ElementText(found, out.worst_index), "; max abs error ", out.max_abs,
                            ", max rel error ", out.max_rel);
  }
  return out;
}

}  // namespace moulin::internal
