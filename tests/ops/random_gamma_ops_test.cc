// Gamma and Poisson values: that they have the distribution's mean, and what bad operands give. That they are those of
// TensorFlow is in tests/cases/random_cases.py.
#include <cmath>
#include <numeric>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

HostOpAttrs GammaAttrs(std::string op, DType type) {
  HostOpAttrs attrs;
  attrs.op = std::move(op);
  attrs.output_types = {type};
  return attrs;
}

// The mean of 20000 values for one parameter.
double MeanOf(const char* op, float parameter) {
  const Tensor y = RunOne(OpKind::kHostOp, GammaAttrs(op, DType::kFloat32),
                          {Ints({20000, 1}), Ints({7, 11}), Floats({1}, {parameter})});
  const auto values = y.values<float>();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(RandomGammaTest, TheMeanIsTheParameter) {
  for (const float parameter : {0.5f, 1.0f, 3.0f, 30.0f}) {
    const double error = 5 * std::sqrt(parameter / 20000);  // five standard deviations of the mean of either
    EXPECT_NEAR(MeanOf("StatelessRandomGammaV2", parameter), parameter, error);
    EXPECT_NEAR(MeanOf("StatelessRandomPoisson", parameter), parameter, error);
  }
}

TEST(RandomGammaTest, EachParameterHasValuesOfItsOwn) {
  const Tensor y = RunOne(OpKind::kHostOp, GammaAttrs("StatelessRandomPoisson", DType::kInt32),
                          {Ints({50, 2}), Ints({7, 11}), Floats({2}, {1, 1000})});
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_LT(y.values<int32_t>()[2 * i], 20);
    EXPECT_GT(y.values<int32_t>()[2 * i + 1], 800);
  }
}

TEST(RandomGammaTest, NothingIsDrawnForAnEmptyResult) {
  EXPECT_EQ(RunOne(OpKind::kHostOp, GammaAttrs("StatelessRandomGammaV2", DType::kFloat32),
                   {Ints({0, 2}), Ints({7, 11}), Floats({2}, {1, 2})})
                .shape(),
            Shape({0, 2}));
}

TEST(RandomGammaTest, TheResultMustEndInTheParametersShape) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, GammaAttrs("StatelessRandomGammaV2", DType::kFloat32),
                      {Ints({4, 3}), Ints({7, 11}), Floats({2}, {1, 2})}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, GammaAttrs("StatelessRandomGammaV2", DType::kFloat32),
                      {Ints({4}), Ints({7}), Floats({}, {1})}),
              HasSubstr("seed"));
}

// No endless rejection, whatever the parameter.
TEST(RandomGammaTest, ParametersThatAreNoneEnd) {
  for (const float parameter : {NAN, INFINITY, -1.0f, 0.0f}) {
    for (const char* op : {"StatelessRandomGammaV2", "StatelessRandomPoisson"}) {
      EXPECT_EQ(RunOne(OpKind::kHostOp, GammaAttrs(op, DType::kFloat32),
                       {Ints({2, 1}), Ints({7, 11}), Floats({1}, {parameter})})
                    .num_elements(),
                2);
    }
  }
}

}  // namespace
}  // namespace moulin::testing
