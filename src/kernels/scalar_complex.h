// The scalar meaning of the operations of expressions on complex numbers. On the host alone: std::complex.
#ifndef MOULIN_KERNELS_SCALAR_COMPLEX_H_
#define MOULIN_KERNELS_SCALAR_COMPLEX_H_

#include <cmath>
#include <complex>

namespace moulin::scalar {

// These overloads are chosen before the templates for real types by partial ordering.
template <typename F>
using C = std::complex<F>;

template <typename F>
C<F> Neg(C<F> x) {
  return -x;
}
template <typename F>
C<F> Sign(C<F> x) {
  return x == C<F>(0) ? C<F>(0) : x / std::abs(x);
}
template <typename F>
C<F> Reciprocal(C<F> x) {
  return C<F>(1) / x;
}
template <typename F>
C<F> Sqrt(C<F> x) {
  return std::sqrt(x);
}
template <typename F>
C<F> Rsqrt(C<F> x) {
  return C<F>(1) / std::sqrt(x);
}
template <typename F>
C<F> Exp(C<F> x) {
  return std::exp(x);
}
template <typename F>
C<F> Log(C<F> x) {
  return std::log(x);
}

// exp(x + iy) - 1 = expm1(x) cos(y) + (cos(y) - 1) + i exp(x) sin(y), the cosine less 1 taken as -2 sin(y/2)^2.
template <typename F>
C<F> Expm1(C<F> z) {
  const F half = std::sin(z.imag() / 2);
  return {std::expm1(z.real()) * std::cos(z.imag()) - 2 * half * half, std::exp(z.real()) * std::sin(z.imag())};
}

// log |1 + x + iy| = log1p(x (2 + x) + y^2) / 2.
template <typename F>
C<F> Log1p(C<F> z) {
  const F x = z.real(), y = z.imag();
  return {std::log1p(x * (2 + x) + y * y) / 2, std::atan2(y, 1 + x)};
}

template <typename F>
C<F> Sin(C<F> x) {
  return std::sin(x);
}
template <typename F>
C<F> Cos(C<F> x) {
  return std::cos(x);
}
template <typename F>
C<F> Tan(C<F> x) {
  return std::tan(x);
}
template <typename F>
C<F> Asin(C<F> x) {
  return std::asin(x);
}
template <typename F>
C<F> Acos(C<F> x) {
  return std::acos(x);
}
template <typename F>
C<F> Atan(C<F> x) {
  return std::atan(x);
}
template <typename F>
C<F> Sinh(C<F> x) {
  return std::sinh(x);
}
template <typename F>
C<F> Cosh(C<F> x) {
  return std::cosh(x);
}
template <typename F>
C<F> Tanh(C<F> x) {
  return std::tanh(x);
}
template <typename F>
C<F> Asinh(C<F> x) {
  return std::asinh(x);
}
template <typename F>
C<F> Acosh(C<F> x) {
  return std::acosh(x);
}
template <typename F>
C<F> Atanh(C<F> x) {
  return std::atanh(x);
}
template <typename F>
C<F> Sigmoid(C<F> x) {
  return C<F>(1) / (C<F>(1) + std::exp(-x));
}
template <typename F>
C<F> Conj(C<F> x) {
  return std::conj(x);
}

template <typename F>
C<F> Add(C<F> x, C<F> y) {
  return x + y;
}
template <typename F>
C<F> Sub(C<F> x, C<F> y) {
  return x - y;
}
template <typename F>
C<F> Mul(C<F> x, C<F> y) {
  return x * y;
}
template <typename F>
C<F> Div(C<F> x, C<F> y) {
  return x / y;
}
template <typename F>
C<F> DivNoNan(C<F> x, C<F> y) {
  return y == C<F>(0) ? C<F>(0) : x / y;
}
template <typename F>
C<F> MulNoNan(C<F> x, C<F> y) {
  return y == C<F>(0) ? C<F>(0) : x * y;
}
template <typename F>
C<F> Pow(C<F> x, C<F> y) {
  return std::pow(x, y);
}
template <typename F>
C<F> Xdivy(C<F> x, C<F> y) {
  return x == C<F>(0) ? C<F>(0) : x / y;
}
template <typename F>
C<F> Xlogy(C<F> x, C<F> y) {
  return x == C<F>(0) ? C<F>(0) : x * std::log(y);
}
template <typename F>
C<F> Xlog1py(C<F> x, C<F> y) {
  return x == C<F>(0) ? C<F>(0) : x * Log1p(y);
}
template <typename F>
bool Equal(C<F> x, C<F> y) {
  return x == y;
}
template <typename F>
bool NotEqual(C<F> x, C<F> y) {
  return x != y;
}

template <typename F>
C<F> Complex(F real, F imag) {
  return {real, imag};
}
template <typename F>
F Real(C<F> x) {
  return x.real();
}
template <typename F>
F Imag(C<F> x) {
  return x.imag();
}
template <typename F>
F Angle(C<F> x) {
  return std::arg(x);
}
template <typename F>
F ComplexAbs(C<F> x) {
  return std::abs(x);
}

}  // namespace moulin::scalar

#endif  // MOULIN_KERNELS_SCALAR_COMPLEX_H_
