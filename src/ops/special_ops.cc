// Host kernels of special functions: Bessel functions of the integers 0 and 1, Dawson's, Fresnel's and the exponential
// integral, the dilogarithm. Computed in double precision. Tests: tests/cases/special_cases.py.
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// --- Bessel functions ---

// At infinity there is no value, as in TensorFlow, though there is a limit. Arguments that are not positive give the
// limit at 0 for Y.
double J0(double x) { return std::isinf(x) ? kNan : ::j0(x); }
double J1(double x) { return std::isinf(x) ? kNan : ::j1(x); }
double Y0(double x) { return x <= 0 ? -kInfinity : std::isinf(x) ? kNan : ::y0(x); }
double Y1(double x) { return x <= 0 ? -kInfinity : std::isinf(x) ? kNan : ::y1(x); }

// exp(x) K(x), the integral of exp(-x (cosh t - 1)) cosh(order t) over all t > 0. The trapezoidal rule converges fast
// where the integrand is close to a bell; near 0 it is not.
double ScaledK(double order, double x) {
  if (std::isnan(x)) return kNan;
  if (x <= 0) return kInfinity;
  if (x < 2) return std::exp(x) * std::cyl_bessel_k(order, x);
  if (std::isinf(x)) return 0;
  constexpr int kSteps = 64;
  const double h = std::acosh(1 + 40 / x) / kSteps;  // up to where the integrand is exp(-40)
  double sum = 0.5;
  for (int i = 1; i <= kSteps; ++i) {
    const double half = std::sinh(i * h / 2);
    sum += std::exp(-2 * x * half * half) * std::cosh(order * i * h);
  }
  return sum * h;
}

double K0e(double x) { return ScaledK(0, x); }
double K1e(double x) { return ScaledK(1, x); }
double Unscaled(double order, double x) {
  return x > 2 ? std::exp(-x) * ScaledK(order, x) : ScaledK(order, x) * std::exp(-x);
}
double K0(double x) { return Unscaled(0, x); }
double K1(double x) { return Unscaled(1, x); }

// --- Integrals ---

// exp(-x^2) times the integral of exp(t^2) up to x: Rybicki's sum over odd n, centred at x where that is large.
double Dawson(double x) {
  constexpr double kStep = 0.2;
  constexpr int kLast = 41;  // exp(-(41 * 0.2)^2) is nothing
  if (std::isinf(x) || std::abs(x) > 1e8) return 0.5 / x;
  double sum = 0;
  if (std::abs(x) < 4) {
    for (int n = 1; n <= kLast; n += 2) {
      sum += std::exp(-n * n * kStep * kStep) * std::sinh(2 * x * n * kStep) / n;
    }
    return 2 * std::exp(-x * x) * sum / std::sqrt(kPi);
  }
  const double center = 2 * std::round(x / (2 * kStep));
  const double rest = x - center * kStep;
  for (int n = -kLast; n <= kLast; n += 2) {
    sum += std::exp(-(rest - n * kStep) * (rest - n * kStep)) / (center + n);
  }
  return sum / std::sqrt(kPi);
}

double ExponentialIntegral(double x) {
  if (std::isinf(x)) return kNan;  // as TensorFlow has it
  if (x == 0) return -kInfinity;
  return std::isnan(x) ? x : std::expint(x);
}

// The integrals of cos and sin of pi t^2 / 2 up to x > 0, as the parts of one number: a power series near 0, else a
// continued fraction of the complementary error function.
std::complex<double> FresnelSeries(double x) {
  const std::complex<double> square(0, kPi / 2 * x * x);
  std::complex<double> term = x, sum = 0;
  for (int n = 0; n < 60; ++n) {
    sum += term / (2.0 * n + 1);
    term *= square / (n + 1.0);
  }
  return sum;
}

std::complex<double> FresnelFraction(double x) {
  const double square = kPi * x * x;
  std::complex<double> b(1, -square);
  std::complex<double> upper = 1e300, lower = 1.0 / b, h = lower;
  for (int n = 1; n < 2000; n += 2) {
    const double a = -static_cast<double>(n) * (n + 1);
    b += 4;
    lower = 1.0 / (a * lower + b);
    upper = b + a / upper;
    const std::complex<double> step = upper * lower;
    h *= step;
    if (std::abs(step - 1.0) < 1e-16) break;
  }
  const std::complex<double> wave(std::cos(square / 2), std::sin(square / 2));
  return std::complex<double>(0.5, 0.5) * (1.0 - wave * std::complex<double>(x, -x) * h);
}

std::complex<double> Fresnel(double x) {
  const double magnitude = std::abs(x);
  const double sign = std::signbit(x) ? -1 : 1;
  if (std::isnan(x)) return {x, x};
  if (magnitude > 1e8) return {0.5 * sign, 0.5 * sign};
  return sign * (magnitude < 1.5 ? FresnelSeries(magnitude) : FresnelFraction(magnitude));
}
double FresnelCos(double x) { return Fresnel(x).real(); }
double FresnelSin(double x) { return Fresnel(x).imag(); }

// The dilogarithm of 1 - x: a power series about x = 1, to which the other arguments are reflected.
double Spence(double x) {
  if (!(x >= 0)) return kNan;
  if (x == 0) return kPi * kPi / 6;
  if (std::isinf(x)) return kNan;
  if (x < 0.5) return kPi * kPi / 6 - std::log(x) * std::log1p(-x) - Spence(1 - x);
  if (x > 1.5) return -0.5 * std::log(x) * std::log(x) - Spence(1 / x);
  double power = 1, sum = 0;
  for (int k = 1; k < 60; ++k) {
    power *= 1 - x;
    sum += power / (static_cast<double>(k) * k);
  }
  return sum;
}

// --- As kernels ---

Status InferFloating(InferContext& c) {
  if (!IsFloating(c.dtype(0))) return UnsupportedType(c.dtype(0));
  return AddOutput(c, c.dtype(0), c.shape(0));
}

template <double (*kFunction)(double)>
Status Apply(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferFloating));
  return DispatchFloating(c.input(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = static_cast<const T*>(c.input(0).data());
    T* y = static_cast<T*>(c.output(0).mutable_data());
    for (int64_t i = 0; i < c.output(0).num_elements(); ++i) {
      const double value = Widen(x[i]);
      y[i] = Narrow<T>(std::isnan(value) ? value : kFunction(value));
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kSpecialKernels[] = {
    {"BesselJ0", 1, 1, InferFloating, Apply<J0>},           {"BesselJ1", 1, 1, InferFloating, Apply<J1>},
    {"BesselK0", 1, 1, InferFloating, Apply<K0>},           {"BesselK0e", 1, 1, InferFloating, Apply<K0e>},
    {"BesselK1", 1, 1, InferFloating, Apply<K1>},           {"BesselK1e", 1, 1, InferFloating, Apply<K1e>},
    {"BesselY0", 1, 1, InferFloating, Apply<Y0>},           {"BesselY1", 1, 1, InferFloating, Apply<Y1>},
    {"Dawsn", 1, 1, InferFloating, Apply<Dawson>},          {"Expint", 1, 1, InferFloating, Apply<ExponentialIntegral>},
    {"FresnelCos", 1, 1, InferFloating, Apply<FresnelCos>}, {"FresnelSin", 1, 1, InferFloating, Apply<FresnelSin>},
    {"Spence", 1, 1, InferFloating, Apply<Spence>},
};

}  // namespace

absl::Span<const HostOp> SpecialKernels() { return kSpecialKernels; }

}  // namespace moulin
