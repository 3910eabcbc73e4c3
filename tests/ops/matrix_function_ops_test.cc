// Functions of whole matrices: against matrices whose functions are known, and what they do with bad input. What
// TensorFlow gives is in tests/cases/linear_cases.py.
#include <cmath>
#include <complex>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

void ExpectClose(const Tensor& y, const std::vector<float>& expected) {
  ASSERT_EQ(y.num_elements(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(y.values<float>()[i], expected[i], 1e-5) << i;
}

TEST(MatrixFunctionTest, ExponentialOfADiagonalAndOfARotation) {
  ExpectClose(RunOne(OpKind::kHostOp, HostAttrs("MatrixExponential"), {Floats({2, 2}, {1, 0, 0, -2})}),
              {std::exp(1.0f), 0, 0, std::exp(-2.0f)});
  ExpectClose(RunOne(OpKind::kHostOp, HostAttrs("MatrixExponential"), {Floats({2, 2}, {0, -0.5f, 0.5f, 0})}),
              {std::cos(0.5f), -std::sin(0.5f), std::sin(0.5f), std::cos(0.5f)});
}

TEST(MatrixFunctionTest, TheSquareRootSquaredIsTheMatrix) {
  ExpectClose(RunOne(OpKind::kHostOp, HostAttrs("MatrixSquareRoot"), {Floats({1, 2, 2}, {5, 4, 4, 5})}), {2, 1, 1, 2});
}

TEST(MatrixFunctionTest, TheLogarithmOfAnExponentialIsTheMatrix) {
  const Tensor x = Floats({3, 3}, {0.5f, -1, 0.25f, 0, 1.5f, 2, 0.125f, 0, -0.75f});
  const Tensor y = RunOne(OpKind::kHostOp, HostAttrs("MatrixExponential"), {x});
  ExpectClose(RunOne(OpKind::kHostOp, HostAttrs("MatrixLogarithm"), {y}),
              {x.values<float>().begin(), x.values<float>().end()});
}

TEST(MatrixFunctionTest, SingularMatricesHaveNoLogarithm) {
  const Tensor zeros = Floats({3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 0});
  const Tensor triangle = Floats({3, 3}, {1, 2, 3, 0, 0, 4, 0, 0, 2});
  for (const Tensor& x : {zeros, triangle}) {
    const Tensor y = RunOne(OpKind::kHostOp, HostAttrs("MatrixLogarithm"), {x});
    EXPECT_FALSE(std::isfinite(y.values<float>()[0]));
  }
}

TEST(MatrixFunctionTest, WhatIsNotFiniteHasNoFunction) {
  const Tensor y = RunOne(OpKind::kHostOp, HostAttrs("MatrixExponential"), {Floats({2, 1, 1}, {INFINITY, 0})});
  EXPECT_TRUE(std::isnan(y.values<float>()[0]));
  EXPECT_EQ(y.values<float>()[1], 1);
}

TEST(MatrixFunctionTest, EigenvaluesOfARotationAreComplex) {
  HostOpAttrs attrs = HostAttrs("Eig", {DType::kComplex64, DType::kComplex64});
  attrs.ints = {{"compute_v", 0}};
  const auto y = RunOp(OpKind::kHostOp, attrs, {Floats({2, 2}, {0, -2, 2, 0})});
  ASSERT_TRUE(y.ok()) << y.status();
  const auto values = (*y)[0].values<std::complex<float>>();
  EXPECT_NEAR(std::abs(values[0].imag()), 2, 1e-5);
  EXPECT_NEAR(std::abs(values[0] + values[1]), 0, 1e-5);
  EXPECT_EQ((*y)[1].num_elements(), 0);
}

TEST(MatrixFunctionTest, LeastSquaresOfALine) {
  // y = 2 x + 1 at x = 0, 1, 2.
  const Tensor a = Floats({3, 2}, {0, 1, 1, 1, 2, 1}), b = Floats({3, 1}, {1, 3, 5});
  for (const int64_t fast : {0, 1}) {
    HostOpAttrs attrs = HostAttrs("MatrixSolveLs");
    attrs.ints = {{"fast", fast}};
    ExpectClose(RunOne(OpKind::kHostOp, attrs, {a, b, Tensor::Scalar<double>(0)}), {2, 1});
  }
}

TEST(MatrixFunctionTest, EmptyMatricesAreTheirOwnFunctions) {
  for (const char* op : {"MatrixExponential", "MatrixSquareRoot"}) {
    EXPECT_EQ(RunOne(OpKind::kHostOp, HostAttrs(op), {Floats({2, 0, 0}, {})}).shape(), Shape({2, 0, 0}));
  }
}

TEST(MatrixFunctionTest, BadOperandsAreErrors) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("MatrixExponential"), {Floats({2, 3}, {1, 2, 3, 4, 5, 6})}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("MatrixSquareRoot"), {Ints({4})}), HasSubstr("E_DTYPE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("Eig", {DType::kFloat32, DType::kFloat32}), {Floats({1, 1}, {1})}),
              HasSubstr("Tout"));
  const Tensor singular = Floats({2, 2}, {1, 1, 1, 1}), b = Floats({2, 1}, {1, 2});
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("MatrixSolveLs"), {singular, b, Tensor::Scalar<double>(-1)}),
              HasSubstr("l2_regularizer"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("MatrixSolveLs"),
                      {singular, Floats({3, 1}, {1, 2, 3}), Tensor::Scalar<double>(0)}),
              HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
