#include "cuda/kernels/detection.h"

#include <cmath>
#include <limits>

#include "base/half.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

struct Case {
  int version = 5;
  Tensor boxes, scores;
  int32_t max_size = 10;
  float overlap = 0.5f, score = -std::numeric_limits<float>::infinity(), sigma = 0;
  DType threshold_type = DType::kFloat32;

  std::vector<Tensor> Operands() const {
    return {boxes, scores, Tensor::Scalar<int32_t>(max_size), Threshold(overlap), Threshold(score), Threshold(sigma)};
  }
  Tensor Threshold(float value) const {
    if (threshold_type == DType::kFloat16) return Tensor::Scalar<Half>(Half(value));
    return Tensor::Scalar<float>(value);
  }
};

// Where each thread of a block is one of the machine, the sizes that only repeat what smaller ones do take too long.
#if defined(MOULIN_EMULATE_WITH_THREADS)
constexpr bool kIsSlow = true;
#else
constexpr bool kIsSlow = false;
#endif

constexpr InputMask kThresholds = Input(3) | Input(4) | Input(5);

void ExpectMatches(const Case& c, InputMask constants = kThresholds) {
  ExpectOpMatches(OpKind::kNonMaxSuppression, NonMaxSuppressionAttrs{c.version, true}, c.Operands(), 0, constants);
}

// Boxes in a small area, so that many overlap; corners in any order.
Tensor RandomBoxes(DType type, int64_t n, uint64_t seed) { return RandomTensor(type, Shape{n, 4}, seed); }

TEST(NonMaxSuppressionKernel, HardOfManySizes) {
  for (const int64_t n : {0, 1, 5, 32, 33, 100, 1025}) {
    for (const int32_t max_size : {0, 1, 7, 200}) {
      if (kIsSlow && (n > 100 || max_size > 7)) continue;
      SCOPED_TRACE(testing::Message() << n << " boxes, " << max_size << " wanted");
      const Tensor boxes = RandomBoxes(DType::kFloat32, n, 3), scores = RandomTensor(DType::kFloat32, Shape{n}, 4);
      ExpectMatches({5, boxes, scores, max_size, 0.2f, 0.0f});
    }
  }
}

TEST(NonMaxSuppressionKernel, HardOfManyThresholds) {
  const Tensor boxes = RandomBoxes(DType::kFloat32, 64, 5), scores = RandomTensor(DType::kFloat32, Shape{64}, 6);
  if (kIsSlow) return;
  for (const float overlap : {0.0f, 0.1f, 0.5f, 1.0f}) {
    for (const float score : {-3.0f, 0.0f, 3.9f, 100.0f}) ExpectMatches({5, boxes, scores, 30, overlap, score});
  }
}

TEST(NonMaxSuppressionKernel, Soft) {
  for (const int64_t n : {1, 6, 40, 70}) {
    for (const float sigma : {0.1f, 0.5f, 2.0f}) {
      if (kIsSlow && (n > 6 || sigma != 0.5f)) continue;
      SCOPED_TRACE(testing::Message() << n << " boxes, sigma " << sigma);
      const Tensor boxes = RandomBoxes(DType::kFloat32, n, 7), scores = RandomTensor(DType::kFloat32, Shape{n}, 8);
      ExpectMatches({5, boxes, scores, 25, 0.5f, 0.001f, sigma});
    }
  }
}

TEST(NonMaxSuppressionKernel, TiesGoByIndexAndNaNsAreOut) {
  const float nan = std::nanf("");
  const Tensor boxes = RandomBoxes(DType::kFloat32, 8, 9);
  ExpectMatches({5, boxes, Tensor::Of<float>(Shape{8}, {0.0f, 2, -0.0f, 2, nan, 2, 0.0f, -1}), 8, 1});
  ExpectMatches({5, boxes, Tensor::Of<float>(Shape{8}, {nan, nan, nan, nan, nan, nan, nan, nan}), 3, 1});
  const float least = -std::numeric_limits<float>::max();
  ExpectMatches({5, boxes, Tensor::Of<float>(Shape{8}, {least, least, 0, 1, least, 3, 4, 5}), 8, 0.9f});
}

TEST(NonMaxSuppressionKernel, BoxesWithoutAreaOrNumber) {
  const float nan = std::nanf("");
  const Tensor boxes = Tensor::Of<float>(
      Shape{5, 4},
      {0, 0, 1, 1, 0, 0, 0, 1, nan, 0, 1, 1, 0, 0, 1, 1, 0.1f, 0, 1, std::numeric_limits<float>::infinity()});
  ExpectMatches({5, boxes, Tensor::Of<float>(Shape{5}, {1, 2, 3, 4, 5}), 5, 0.5f});
  ExpectMatches({5, boxes, Tensor::Of<float>(Shape{5}, {1, 2, 3, 4, 5}), 5, 0.5f, 0, 0.5f});
}

TEST(NonMaxSuppressionKernel, EveryTypeAndVersion) {
  for (const DType type : {DType::kFloat16, DType::kFloat32, DType::kFloat64, DType::kBFloat16}) {
    if (kIsSlow && type != DType::kFloat16) break;
    for (const int version : {4, 5}) {
      for (const float sigma : {0.0f, 0.5f}) {
        SCOPED_TRACE(testing::Message() << Name(type) << " version " << version << " sigma " << sigma);
        const Tensor boxes = RandomBoxes(type, 30, 10), scores = RandomTensor(type, Shape{30}, 11);
        ExpectMatches({version, boxes, scores, 12, 0.3f, 0.1f, sigma});
      }
    }
  }
}

TEST(NonMaxSuppressionKernel, ThresholdsThatAreNoConstants) {
  const Tensor boxes = RandomBoxes(DType::kFloat32, 30, 12), scores = RandomTensor(DType::kFloat32, Shape{30}, 13);
  for (const float sigma : {0.0f, 0.5f}) {
    ExpectMatches({5, boxes, scores, 12, 0.3f, 0.1f, sigma}, 0);
    ExpectMatches({5, boxes, scores, 12, 0.3f, 0.1f, sigma}, Input(4));
    ExpectMatches({5, boxes, scores, 12, 0.25f, 0.125f, sigma, DType::kFloat16}, Input(3));
  }
}

TEST(NonMaxSuppressionKernel, WhatIsNotCoveredIsTheHosts) {
  Case c{5, RandomBoxes(DType::kFloat32, 4, 1), RandomTensor(DType::kFloat32, Shape{4}, 2)};
  const auto has_kernel = [&](const NonMaxSuppressionAttrs& attrs) {
    return HasKernel(OpKind::kNonMaxSuppression, attrs, c.Operands(), kThresholds | Input(2));
  };
  EXPECT_TRUE(has_kernel({5, true}));
  EXPECT_FALSE(has_kernel({5, false}));  // as many results as there are
  EXPECT_FALSE(has_kernel({3, true}));
  c.overlap = 1.5f;  // an error, whose message is the host's
  EXPECT_FALSE(has_kernel({5, true}));
  c.overlap = 0.5f;
  c.sigma = -1;
  EXPECT_FALSE(has_kernel({5, true}));
}

}  // namespace
}  // namespace moulin::cuda
