// What the sample programs share: where their files are, and how a failure ends the program.
#ifndef MOULIN_SAMPLES_SUPPORT_H_
#define MOULIN_SAMPLES_SUPPORT_H_

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "moulin/npz.h"
#include "moulin/request.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace sample {

inline std::string ModelPath(const char* name) { return std::string(MOULIN_SAMPLES_DIR) + "/models/" + name; }
inline std::string BundlePath() { return MOULIN_SAMPLES_BUNDLE; }

// The value, or the end of the program with the error.
template <typename T>
T OrDie(moulin::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "%s\n", std::string(value.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(value);
}

// Samples are run as tests: what they say must hold.
inline void Check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not as expected: %s\n", what);
  std::exit(1);
}

// The test images that neither sample model has seen.
struct Digits {
  moulin::Tensor clean;   // [n,8,8,1]f32 in [0,1]
  moulin::Tensor noisy;   // the same with noise
  moulin::Tensor labels;  // [n]i32
  int64_t count() const { return labels.num_elements(); }
};

inline Digits LoadDigits() {
  const moulin::NamedTensors arrays = OrDie(moulin::LoadNpz(std::string(MOULIN_SAMPLES_DIR) + "/data/digits_test.npz"));
  return {*moulin::FindTensor(arrays, "clean"), *moulin::FindTensor(arrays, "noisy"),
          *moulin::FindTensor(arrays, "labels")};
}

// Image i of [n,8,8,1] as a batch of one, sharing its elements.
inline moulin::Tensor Image(const moulin::Tensor& images, int64_t i) {
  auto owner = std::make_shared<moulin::Tensor>(images);
  const float* pixels = images.values<float>().data() + i * 64;
  return moulin::Tensor::Borrow(moulin::DType::kFloat32, {1, 8, 8, 1}, std::move(owner), pixels);
}

// The index of the greatest of ten probabilities, for row `row` of [n,10].
inline int Answer(const moulin::Tensor& probabilities, int64_t row = 0) {
  const float* p = probabilities.values<float>().data() + row * 10;
  return static_cast<int>(std::max_element(p, p + 10) - p);
}

inline double MeanSquaredError(const moulin::Tensor& a, const moulin::Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    const double d = a.values<float>()[i] - b.values<float>()[i];
    sum += d * d;
  }
  return sum / static_cast<double>(a.num_elements());
}

}  // namespace sample

#endif  // MOULIN_SAMPLES_SUPPORT_H_
