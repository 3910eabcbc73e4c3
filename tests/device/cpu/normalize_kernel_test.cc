#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

// The difference to the largest element, up to 40, is rounded, which exp turns into a relative error of 20 epsilon; exp
// errs by 1 ULP and the sum of n positive terms by at most n / 16 + 4 roundings of partial sums.
TEST(SoftmaxKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  for (const Shape& shape : {Shape{1}, Shape{10}, Shape{3, 1000}, Shape{2, 3, 17}, Shape{700, 33}, Shape{0, 5}}) {
    for (bool log : {false, true}) {
      const Tensor x = RandomFloats(shape, &random, -20, 20);
      const Ran ran = RunBoth(OpKind::kSoftmax, SoftmaxAttrs{log}, {Given(x)});
      ASSERT_TRUE(ran.status.ok()) << ran.status;
      EXPECT_NE(ran.kernel, "reference");
      const double n = shape[shape.rank() - 1];
      // A logarithm's error is relative to the terms it is the difference of, up to 40.
      ExpectNear(ran.expected[0], ran.actual[0], (28 + n / 16) * kEpsilon, log ? (60 + n / 16) * kEpsilon : 1e-38);
    }
  }
}

TEST(SoftmaxKernelTest, InfinitiesAndNans) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::Of<float>({3, 3}, {1, -inf, 2, -inf, -inf, -inf, 0, std::nanf(""), 1});
  const Ran ran = RunBoth(OpKind::kSoftmax, SoftmaxAttrs{}, {Given(x)});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectNear(ran.expected[0], ran.actual[0], 4 * kEpsilon, 0);
}

TEST(LayerNormKernelTest, AgreesWithReference) {
  std::mt19937 random(2);
  for (const Shape& shape : {Shape{7}, Shape{3, 768}, Shape{2, 5, 31}, Shape{400, 64}, Shape{0, 5}}) {
    const int64_t n = shape[shape.rank() - 1];
    const Ran ran = RunBoth(OpKind::kLayerNorm, LayerNormAttrs{1e-5},
                            {Given(RandomFloats(shape, &random)), Constant(RandomFloats({n}, &random)),
                             Constant(RandomFloats({n}, &random))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    // Deviations are about 0.6, so that the mean's error (n / 16 roundings of sums below n) is magnified twofold.
    ExpectNear(ran.expected[0], ran.actual[0], 8 * kEpsilon, (16 + n / 16.0) * kEpsilon);
  }
}

TEST(BatchNormKernelTest, AgreesWithReference) {
  std::mt19937 random(3);
  for (bool channels_last : {true, false}) {
    for (const Shape& shape : {Shape{2, 5, 6, 8}, Shape{3, 4, 7}, Shape{4, 300}, Shape{0, 3}}) {
      const int64_t channels = channels_last ? shape[shape.rank() - 1] : shape[1];
      std::vector<Operand> operands = {Given(RandomFloats(shape, &random))};
      for (int i = 0; i < 4; ++i) operands.push_back(Constant(RandomFloats({channels}, &random, i == 3 ? 0.1f : -1)));
      const Ran ran = RunBoth(OpKind::kBatchNorm, BatchNormAttrs{1e-3, channels_last}, operands);
      ASSERT_TRUE(ran.status.ok()) << ran.status;
      EXPECT_NE(ran.kernel, "reference");
      // (x - mean) * factor + offset, factors up to 3.2.
      ExpectNear(ran.expected[0], ran.actual[0], 4 * kEpsilon, 16 * kEpsilon);
    }
  }
}

}  // namespace
}  // namespace moulin::testing
