// Special functions of mathematics, computed in double on the host and on the device.
//
// References: DLMF is the NIST Digital Library of Mathematical Functions (dlmf.nist.gov); AS 241 is M. J. Wichura,
// "The percentage points of the normal distribution", Applied Statistics 37 (1988). Results at poles and outside the
// domains are TensorFlow's. Relative errors are about 1e-13 where no argument is large. Tests:
// tests/kernels/scalar_special_test.cc.
#ifndef MOULIN_KERNELS_SCALAR_SPECIAL_H_
#define MOULIN_KERNELS_SCALAR_SPECIAL_H_

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/hd.h"

namespace moulin::scalar::special {

MOULIN_HD inline double NaN() { return std::numeric_limits<double>::quiet_NaN(); }
MOULIN_HD inline double Infinity() { return std::numeric_limits<double>::infinity(); }
inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kEpsilon = 2.220446049250313e-16;

// The value at x of the polynomial with these coefficients, the constant one first.
template <int N>
MOULIN_HD double Polynomial(const double (&c)[N], double x) {
  double y = c[N - 1];
  for (int i = N - 2; i >= 0; --i) y = y * x + c[i];
  return y;
}

// The standard normal's quantile at 1/2 + q, given also the smaller tail 1/2 - |q| (AS 241, PPND16).
MOULIN_HD inline double NormalQuantile(double q, double tail) {
  constexpr double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                          1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                          3.3430575583588128105e4, 2.5090809287301226727e3};
  constexpr double b[] = {1.0,
                          4.2313330701600911252e1,
                          6.8718700749205790830e2,
                          5.3941960214247511077e3,
                          2.1213794301586595867e4,
                          3.9307895800092710610e4,
                          2.8729085735721942674e4,
                          5.2264952788528545610e3};
  constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                          3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[] = {1.0,
                          2.05319162663775882187e0,
                          1.67638483018380384940e0,
                          6.89767334985100004550e-1,
                          1.48103976427480074590e-1,
                          1.51986665636164571966e-2,
                          5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
  constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                          2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[] = {1.0,
                          5.99832206555887937690e-1,
                          1.36929880922735805310e-1,
                          1.48753612908506148525e-2,
                          7.86869131145613259100e-4,
                          1.84631831751005468180e-5,
                          1.42151175831644588870e-7,
                          2.04426310338993978564e-15};
  if (std::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * Polynomial(a, r) / Polynomial(b, r);
  }
  const double r = std::sqrt(-std::log(tail));
  const double x =
      r <= 5 ? Polynomial(c, r - 1.6) / Polynomial(d, r - 1.6) : Polynomial(e, r - 5) / Polynomial(f, r - 5);
  return q < 0 ? -x : x;
}

MOULIN_HD inline double Ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return NaN();
  if (p == 0) return -Infinity();
  if (p == 1) return Infinity();
  return NormalQuantile(p - 0.5, p < 0.5 ? p : 1 - p);
}

MOULIN_HD inline double Erfinv(double y) {
  if (!(y >= -1 && y <= 1)) return NaN();
  if (std::fabs(y) == 1) return y * Infinity();
  return NormalQuantile(0.5 * y, 0.5 * (1 - std::fabs(y))) * 0.70710678118654752440;
}

MOULIN_HD inline double Lgamma(double x) { return std::lgamma(x); }

// DLMF 5.5.4 (reflection), 5.5.2 (recurrence) and 5.11.2 (the asymptotic series from 10 on).
MOULIN_HD inline double Digamma(double x) {
  constexpr double kSeries[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
  if (x <= 0) {
    if (x == std::floor(x)) return NaN();
    return Digamma(1 - x) - kPi / std::tan(kPi * (x - std::rint(x)));
  }
  double shift = 0;
  for (; x < 10; x += 1) shift += 1 / x;
  if (x == Infinity()) return x;
  const double z = 1 / (x * x);
  return std::log(x) - 0.5 / x - z * Polynomial(kSeries, z) - shift;
}

// Hurwitz's zeta, sum of (q + k)^-s: DLMF 25.11.9's terms by Euler and Maclaurin once q + k is 10 and s or more.
MOULIN_HD inline double Zeta(double s, double q) {
  // (2j)! / B_2j for j = 1, 2...
  constexpr double kDivisors[] = {12.0,
                                  -720.0,
                                  30240.0,
                                  -1209600.0,
                                  47900160.0,
                                  -1.8924375803183791606e9,
                                  7.47242496e10,
                                  -2.950130727918164224e12,
                                  1.1646782814350067249e14,
                                  -4.5979787224074726105e15,
                                  1.8152105401943546773e17,
                                  -7.1661652561756670113e18};
  if (s == 1) return Infinity();
  if (!(s > 1) || q != q) return NaN();
  if (q == Infinity()) return 0;
  if (q <= 0) {
    const bool pole = q == std::floor(q);
    if (pole && s == std::floor(s) && std::fmod(s, 2) == 0) return Infinity();
    // A fractional power of a negative number; and, so that the sum below stays short, a bound.
    if (pole || s != std::floor(s) || q < -1e6) return NaN();
  }
  double sum = 0;
  for (; q < 10 || q < s; q += 1) {
    const double term = std::pow(q, -s);
    sum += term;
    if (q > 0 && term <= kEpsilon * 0.01 * std::fabs(sum)) return sum;  // also where both underflow to 0
  }
  const double power = std::pow(q, -s);
  sum += power * q / (s - 1) + 0.5 * power;
  double factor = s * power / q;  // s (s+1) ... (s+2j-2) q^(-s-2j+1)
  for (int j = 0; j < 12; ++j) {
    const double term = factor / kDivisors[j];
    sum += term;
    if (std::fabs(term) < kEpsilon * 0.01 * std::fabs(sum)) break;
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (q * q);
  }
  return sum;
}

// The n-th derivative of digamma, by DLMF 5.15.1's sum: (-1)^(n+1) n! zeta(n + 1, x).
MOULIN_HD inline double Polygamma(double n, double x) {
  if (!(n >= 0) || n != std::floor(n)) return NaN();
  if (n == 0) return Digamma(x);
  const double magnitude = std::exp(std::lgamma(n + 1)) * Zeta(n + 1, x);
  return std::fmod(n, 2) == 0 ? -magnitude : magnitude;
}

inline constexpr int kMaxTerms = 20'000;  // for arguments around 1e7; beyond, the result loses digits

// x^a e^-x / gamma(a).
MOULIN_HD inline double GammaDensity(double a, double x) { return std::exp(a * std::log(x) - x - std::lgamma(a)); }

// The series DLMF 8.11.4 of the lower incomplete gamma function, regularised; for x < a + 1.
MOULIN_HD inline double IgammaSeries(double a, double x) {
  double term = 1 / a, sum = term;
  for (int n = 1; n < kMaxTerms && term > sum * kEpsilon * 0.1; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * GammaDensity(a, x);
}

// The continued fraction DLMF 8.9.2 of the upper one, evaluated by Lentz's method; for x >= a + 1.
MOULIN_HD inline double IgammacFraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int n = 1; n < kMaxTerms; ++n) {
    const double an = n * (a - n);
    b += 2;
    d = an * d + b;
    if (std::fabs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    d = 1 / d;
    h *= d * c;
    if (std::fabs(d * c - 1) < kEpsilon) break;
  }
  return h * GammaDensity(a, x);
}

// P(a, x), the regularised lower incomplete gamma function.
MOULIN_HD inline double Igamma(double a, double x) {
  if (x == 0) return 0;
  if (!(x > 0) || !(a > 0)) return NaN();
  if (a == Infinity()) return x == Infinity() ? NaN() : 0;
  if (x == Infinity()) return 1;
  return x < a + 1 ? IgammaSeries(a, x) : 1 - IgammacFraction(a, x);
}

// Q(a, x) = 1 - P(a, x).
MOULIN_HD inline double Igammac(double a, double x) {
  if (!(x >= 0) || !(a > 0)) return NaN();
  if (x == 0) return 1;
  if (a == Infinity()) return x == Infinity() ? NaN() : 1;
  if (x == Infinity()) return 0;
  return x < a + 1 ? 1 - IgammaSeries(a, x) : IgammacFraction(a, x);
}

// The continued fraction DLMF 8.17.22, evaluated by Lentz's method.
MOULIN_HD inline double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  if (std::fabs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m < kMaxTerms; ++m) {
    double step = 1;
    for (int half = 0; half < 2; ++half) {
      const double numerator = half == 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                                         : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 + numerator * d;
      if (std::fabs(d) < kTiny) d = kTiny;
      c = 1 + numerator / c;
      if (std::fabs(c) < kTiny) c = kTiny;
      d = 1 / d;
      step = d * c;
      h *= step;
    }
    if (std::fabs(step - 1) < kEpsilon) break;
  }
  return h;
}

// I_x(a, b), the regularised incomplete beta function.
MOULIN_HD inline double Betainc(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1)) return NaN();
  if (x == 0 || x == 1) return x;
  const double density =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return density * BetaFraction(a, b, x) / a;
  return 1 - density * BetaFraction(b, a, 1 - x) / b;
}

// exp(-|x|) I_n(x) for n = 0 or 1: the series DLMF 10.25.2, and from 30 on the asymptotic one, 10.40.1.
MOULIN_HD inline double BesselIe(int n, double x) {
  const double ax = std::fabs(x);
  if (x != x) return x;
  if (ax == Infinity()) return 0;
  double term, sum;
  if (ax < 30) {
    term = n == 0 ? 1 : 0.5 * ax;
    sum = term;
    for (int k = 1; term > sum * kEpsilon * 0.1; ++k) {
      term *= 0.25 * ax * ax / (static_cast<double>(k) * (k + n));
      sum += term;
    }
    sum *= std::exp(-ax);
  } else {
    term = sum = 1;
    const double mu = 4.0 * n * n;
    for (int k = 1; k < 30 && std::fabs(term) > kEpsilon * 0.1; ++k) {
      term *= -(mu - (2.0 * k - 1) * (2.0 * k - 1)) / (8 * ax * k);
      sum += term;
    }
    sum /= std::sqrt(2 * kPi * ax);
  }
  return n == 1 && x < 0 ? -sum : sum;
}
MOULIN_HD inline double BesselI0e(double x) { return BesselIe(0, x); }
MOULIN_HD inline double BesselI1e(double x) { return BesselIe(1, x); }

}  // namespace moulin::scalar::special

namespace moulin::scalar {

template <typename T>
MOULIN_HD T Erfinv(T x) {
  return static_cast<T>(special::Erfinv(x));
}
template <typename T>
MOULIN_HD T Ndtri(T x) {
  return static_cast<T>(special::Ndtri(x));
}
template <typename T>
MOULIN_HD T Lgamma(T x) {
  return static_cast<T>(special::Lgamma(x));
}
template <typename T>
MOULIN_HD T Digamma(T x) {
  return static_cast<T>(special::Digamma(x));
}
template <typename T>
MOULIN_HD T BesselI0e(T x) {
  return static_cast<T>(special::BesselI0e(x));
}
template <typename T>
MOULIN_HD T BesselI1e(T x) {
  return static_cast<T>(special::BesselI1e(x));
}
template <typename T>
MOULIN_HD T Zeta(T s, T q) {
  return static_cast<T>(special::Zeta(s, q));
}
template <typename T>
MOULIN_HD T Polygamma(T n, T x) {
  return static_cast<T>(special::Polygamma(n, x));
}
template <typename T>
MOULIN_HD T Igamma(T a, T x) {
  return static_cast<T>(special::Igamma(a, x));
}
template <typename T>
MOULIN_HD T Igammac(T a, T x) {
  return static_cast<T>(special::Igammac(a, x));
}
template <typename T>
MOULIN_HD T Betainc(T a, T b, T x) {
  return static_cast<T>(special::Betainc(a, b, x));
}

}  // namespace moulin::scalar

#endif  // MOULIN_KERNELS_SCALAR_SPECIAL_H_
