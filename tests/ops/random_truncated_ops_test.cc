// Normal values between bounds: that they lie there, and what bad operands give. That they are those of TensorFlow is
// in tests/cases/random_cases.py.
#include <cmath>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

const HostOpAttrs kSeeded = HostAttrs("StatelessParameterizedTruncatedNormal", {DType::kFloat32});

std::vector<Tensor> Operands(std::vector<int64_t> shape, float mean, float deviation, float low, float high) {
  return {Ints(std::move(shape)),  Ints({7, 11}),     Floats({}, {mean}),
          Floats({}, {deviation}), Floats({}, {low}), Floats({}, {high})};
}

TEST(RandomTruncatedTest, LieBetweenTheBounds) {
  for (const auto& [low, high] : {std::pair(-2.0f, 1.5f), std::pair(0.3f, 0.5f), std::pair(4.0f, 9.0f)}) {
    const Tensor y = RunOne(OpKind::kHostOp, kSeeded, Operands({500}, 0.25f, 1, low, high));
    for (const float value : y.values<float>()) {
      EXPECT_GE(value, low);
      EXPECT_LE(value, high);
    }
  }
}

TEST(RandomTruncatedTest, BadOperandsAreErrors) {
  const auto error = [&](std::vector<Tensor> operands) {
    return ErrorOf(OpKind::kHostOp, kSeeded, std::move(operands));
  };
  EXPECT_THAT(error(Operands({3}, 0, 0, -1, 1)), HasSubstr("a deviation above 0"));
  EXPECT_THAT(error(Operands({3}, 0, 1, 1, -1)), HasSubstr("bounds in order"));
  EXPECT_THAT(error(Operands({3}, 0, 1, -INFINITY, INFINITY)), HasSubstr("one of them finite"));
  EXPECT_THAT(error(Operands({3}, NAN, 1, 0, NAN)), HasSubstr("bounds in order"));
  std::vector<Tensor> operands = Operands({3}, 0, 1, -1, 1);
  operands[2] = Floats({2}, {0, 0});
  EXPECT_THAT(error(operands), HasSubstr("ends with that of the parameters"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("ParameterizedTruncatedNormal", {DType::kFloat32}),
                      {Ints({}), Floats({}, {0}), Floats({}, {1}), Floats({}, {-1}), Floats({}, {1})}),
              HasSubstr("one axis or more"));
}

}  // namespace
}  // namespace moulin::testing
