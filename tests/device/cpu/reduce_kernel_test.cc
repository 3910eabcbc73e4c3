#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

// A sum of k terms below 1 passes through at most k / 16 + 16 roundings of partial sums below k.
double SumTolerance(double k) { return (k / 16 + 16) * kEpsilon * std::max(1.0, std::sqrt(k)); }

TEST(ReduceKernelTest, EverySetOfAxesAgreesWithReference) {
  std::mt19937 random(1);
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kMean, ReduceOp::kMax, ReduceOp::kMin, ReduceOp::kProd}) {
    for (int i = 0; i < 60; ++i) {
      const int rank = static_cast<int>(RandomInt(&random, 0, 5));
      Shape x;
      std::vector<int32_t> axes;
      int64_t k = 1;
      for (int a = 0; a < rank; ++a) {
        x.push_back(RandomInt(&random, 1, RandomInt(&random, 0, 4) == 0 ? 70 : 6));
        if (RandomInt(&random, 0, 1) == 0) continue;
        axes.push_back(RandomInt(&random, 0, 1) ? a : a - rank);
        k *= x[a];
      }
      const Tensor axes_tensor = Tensor::Of<int32_t>(Shape({static_cast<int64_t>(axes.size())}), axes);
      const float high = op == ReduceOp::kProd ? 1.1f : 1, low = op == ReduceOp::kProd ? 0.9f : -1;
      SCOPED_TRACE(absl::StrCat("case ", i, ": ", x.ToString(), " axes ", axes_tensor.ToString()));
      const Ran ran = RunBoth(OpKind::kReduce, ReduceAttrs{op, RandomInt(&random, 0, 1) == 0},
                              {Given(RandomFloats(x, &random, low, high)), Constant(axes_tensor)});
      ASSERT_TRUE(ran.status.ok()) << ran.status;
      switch (op) {
        case ReduceOp::kMax:
        case ReduceOp::kMin:
          ExpectSameBytes(ran.expected[0], ran.actual[0]);
          break;
        case ReduceOp::kProd:
          ExpectNear(ran.expected[0], ran.actual[0], (k + 2) * kEpsilon, 0);
          break;
        default:
          ExpectNear(ran.expected[0], ran.actual[0], 2 * kEpsilon, SumTolerance(k));
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ReduceKernelTest, LongSumsKeepTheirDigits) {
  std::mt19937 random(2);
  for (const auto& [shape, axis] : {std::pair<Shape, int>{{1000000}, 0}, {{3, 200000}, 1}, {{50000, 7}, 0}}) {
    const Ran ran = RunBoth(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum},
                            {Given(RandomFloats(shape, &random, 0, 1)), Constant(Tensor::Of<int32_t>({1}, {axis}))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    // Blocks of 4096 in 64 or, for columns, groups of 128: that many roundings and no more.
    ExpectNear(ran.expected[0], ran.actual[0], 600 * kEpsilon, 0);
  }
}

TEST(ReduceKernelTest, NansReachTheResult) {
  Tensor x = Tensor::Of<float>({2, 3}, {1, std::nanf(""), 2, 3, 4, 5});
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin}) {
    const Ran ran = RunBoth(OpKind::kReduce, ReduceAttrs{op}, {Given(x), Constant(Tensor::Of<int32_t>({1}, {1}))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ExpectNear(ran.expected[0], ran.actual[0], 0, 0);
  }
}

TEST(ReduceKernelTest, EmptyAxesGiveTheNeutralElement) {
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kProd, ReduceOp::kMean}) {
    const Ran ran =
        RunBoth(OpKind::kReduce, ReduceAttrs{op},
                {Given(Tensor::Allocate(DType::kFloat32, {0, 3}).value()), Constant(Tensor::Of<int32_t>({1}, {0}))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ExpectNear(ran.expected[0], ran.actual[0], 0, 0);
  }
}

TEST(ArgReduceKernelTest, FirstOfEqualsWinsAndNansLose) {
  std::mt19937 random(3);
  for (int i = 0; i < 40; ++i) {
    Tensor x = RandomFloats({RandomInt(&random, 1, 5), RandomInt(&random, 1, 30), RandomInt(&random, 1, 5)}, &random);
    for (float& v : x.mutable_values<float>()) v = RandomInt(&random, 0, 20) == 0 ? std::nanf("") : std::round(v * 3);
    const int axis = static_cast<int>(RandomInt(&random, -3, 2));
    const DType index = RandomInt(&random, 0, 1) ? DType::kInt64 : DType::kInt32;
    const Ran ran = RunBoth(OpKind::kArgReduce, ArgReduceAttrs{RandomInt(&random, 0, 1) == 0, index},
                            {Given(x), Constant(Tensor::Of<int32_t>({}, {axis}))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    ExpectSameBytes(ran.expected[0], ran.actual[0]);
  }
}

}  // namespace
}  // namespace moulin::testing
