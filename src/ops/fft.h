// The discrete Fourier transform of one line of any length, in O(n log n).
#ifndef MOULIN_OPS_FFT_H_
#define MOULIN_OPS_FFT_H_

#include <complex>
#include <cstdint>
#include <vector>

namespace moulin {

// Thread-safe once made. Powers of two are halved again and again; other lengths are a convolution of the next power
// of two (Bluestein).
class Fft {
 public:
  // n >= 1. The inverse divides by n.
  Fft(int64_t n, bool inverse);
  // Transforms n values in place.
  void Run(std::vector<std::complex<double>>& line) const;

 private:
  void RunPowerOfTwo(std::vector<std::complex<double>>& line, bool inverse) const;

  int64_t n_;
  bool inverse_;
  int64_t padded_;                            // the power of two that is computed with; n_ where that is one
  std::vector<std::complex<double>> roots_;   // exp(-2 pi i k / padded)
  std::vector<std::complex<double>> chirp_;   // exp(-pi i k^2 / n); empty where n is a power of two
  std::vector<std::complex<double>> kernel_;  // the transform of the conjugate chirp
};

}  // namespace moulin

#endif  // MOULIN_OPS_FFT_H_
