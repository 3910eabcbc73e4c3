#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

// Scores err by (d + 2) epsilon times at most d * scale, and exp turns that into a relative error; the weighted mean of
// n values below 1 adds n / 16 roundings.
double Tolerance(int64_t d, int64_t n, double scale) {
  return 2 * (d + 2) * kEpsilon * d * scale + (n + 16) * kEpsilon;
}

TEST(AttentionKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {
    const int64_t b = RandomInt(&random, 1, 3), h = RandomInt(&random, 1, 4), m = RandomInt(&random, 1, 110);
    const int64_t n = RandomInt(&random, 1, 70), d = RandomInt(&random, 1, 40), e = RandomInt(&random, 1, 40);
    AttentionAttrs attrs{1 / std::sqrt(static_cast<double>(d)), RandomInt(&random, 0, 1) == 0};
    const Shape k = attrs.transpose_k ? Shape{b, h, n, d} : Shape{b, h, d, n};
    std::vector<Operand> operands = {Given(RandomFloats({b, h, m, d}, &random)), Given(RandomFloats(k, &random)),
                                     Given(RandomFloats({b, RandomInt(&random, 0, 1) ? h : 1, n, e}, &random))};
    const Shape masks[] = {{n}, {b, 1, 1, n}, {1, 1, m, n}, {b, h, m, n}, {m, 1}};
    if (i % 6 < 5) operands.push_back(Given(RandomFloats(masks[i % 6], &random)));
    SCOPED_TRACE(absl::StrCat("case ", i, " m ", m, " n ", n, " d ", d, " e ", e));
    const Ran ran = RunBoth(OpKind::kAttention, attrs, operands);
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_EQ(ran.kernel, "cpu attention");
    ExpectNear(ran.expected[0], ran.actual[0], 0, Tolerance(d, n, attrs.scale));
    if (HasFatalFailure()) return;
  }
}

TEST(AttentionKernelTest, MaskedKeysHaveNoWeight) {
  std::mt19937 random(2);
  const int64_t n = 20;
  Tensor mask = Tensor::Allocate(DType::kFloat32, {1, 1, 1, n}).value();
  for (int64_t j = 10; j < n; ++j) mask.mutable_values<float>()[j] = -std::numeric_limits<float>::infinity();
  const Ran ran = RunBoth(OpKind::kAttention, AttentionAttrs{0.25, true},
                          {Given(RandomFloats({2, 2, 9, 16}, &random)), Given(RandomFloats({2, 2, n, 16}, &random)),
                           Given(RandomFloats({2, 2, n, 8}, &random)), Constant(mask)});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectNear(ran.expected[0], ran.actual[0], 0, Tolerance(16, n, 0.25));
}

}  // namespace
}  // namespace moulin::testing
