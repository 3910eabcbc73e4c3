#include "ops/fft.h"

#include <bit>
#include <numbers>

namespace moulin {
namespace {

using Complex = std::complex<double>;

Complex Root(int64_t k, int64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

}  // namespace

Fft::Fft(int64_t n, bool inverse) : n_(n), inverse_(inverse), padded_(n) {
  const bool is_power = std::has_single_bit(static_cast<uint64_t>(n));
  if (!is_power) padded_ = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n - 1)));
  roots_.resize(padded_ / 2);
  for (int64_t k = 0; k < padded_ / 2; ++k) roots_[k] = Root(k, padded_);
  if (is_power) return;
  chirp_.resize(n);
  kernel_.assign(padded_, 0);
  for (int64_t k = 0; k < n; ++k) {
    // k^2 modulo 2n keeps the angle small, and so exact.
    const auto square = static_cast<int64_t>(static_cast<unsigned __int128>(k) * static_cast<uint64_t>(k) % (2 * n));
    chirp_[k] = Root(square, 2 * n);
    kernel_[k] = std::conj(chirp_[k]);
    if (k > 0) kernel_[padded_ - k] = kernel_[k];
  }
  RunPowerOfTwo(kernel_, false);
}

void Fft::RunPowerOfTwo(std::vector<Complex>& line, bool inverse) const {
  const auto n = static_cast<int64_t>(line.size());
  for (int64_t i = 1, j = 0; i < n; ++i) {  // to bit-reversed order
    int64_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(line[i], line[j]);
  }
  for (int64_t size = 2; size <= n; size *= 2) {
    const int64_t step = n / size;
    for (int64_t begin = 0; begin < n; begin += size) {
      for (int64_t k = 0; k < size / 2; ++k) {
        const Complex root = inverse ? std::conj(roots_[k * step]) : roots_[k * step];
        const Complex even = line[begin + k];
        const Complex odd = line[begin + k + size / 2] * root;
        line[begin + k] = even + odd;
        line[begin + k + size / 2] = even - odd;
      }
    }
  }
}

void Fft::Run(std::vector<Complex>& line) const {
  if (chirp_.empty()) {
    RunPowerOfTwo(line, inverse_);
  } else {
    std::vector<Complex> work(padded_, 0);
    for (int64_t k = 0; k < n_; ++k) work[k] = (inverse_ ? std::conj(line[k]) : line[k]) * chirp_[k];
    RunPowerOfTwo(work, false);
    for (int64_t k = 0; k < padded_; ++k) work[k] *= kernel_[k];
    RunPowerOfTwo(work, true);
    for (int64_t k = 0; k < n_; ++k) {
      const Complex value = work[k] / static_cast<double>(padded_) * chirp_[k];
      line[k] = inverse_ ? std::conj(value) : value;
    }
  }
  if (!inverse_) return;
  for (Complex& value : line) value /= static_cast<double>(n_);
}

}  // namespace moulin
