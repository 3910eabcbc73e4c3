#include <cmath>
#include <random>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

Tensor Doubles(const Shape& shape, std::vector<double> values) { return Tensor::Of<double>(shape, values); }

Tensor Random(const Shape& shape) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-2, 2);
  Tensor t = Tensor::Allocate(DType::kFloat64, shape).value();
  for (double& v : t.mutable_values<double>()) v = uniform(random);
  return t;
}

LinearAlgebraAttrs Routine(const std::string& op) {
  LinearAlgebraAttrs attrs;
  attrs.op = op;
  return attrs;
}

Tensor Product(const Tensor& a, const Tensor& b, bool ta = false, bool tb = false) {
  return RunOne(OpKind::kContract, ContractAttrs{ta, tb}, {a, b});
}

void ExpectNear(const Tensor& found, const Tensor& expected) {
  ASSERT_EQ(found.shape(), expected.shape());
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    EXPECT_NEAR(found.values<double>()[i], expected.values<double>()[i], 1e-10) << i;
  }
}

Tensor Identity(int64_t n) {
  Tensor t = Tensor::Allocate(DType::kFloat64, Shape({n, n})).value();
  for (int64_t i = 0; i < n; ++i) t.mutable_values<double>()[i * n + i] = 1;
  return t;
}

TEST(LinearAlgebra, Inverse) {
  const Tensor a = Random({4, 4});
  ExpectNear(Product(a, RunOne(OpKind::kLinearAlgebra, Routine("MatrixInverse"), {a})), Identity(4));
  LinearAlgebraAttrs adjoint = Routine("MatrixInverse");
  adjoint.adjoint = true;
  ExpectNear(Product(a, RunOne(OpKind::kLinearAlgebra, adjoint, {a}), true), Identity(4));
}

TEST(LinearAlgebra, SolveAndBatches) {
  const Tensor a = Random({2, 3, 3}), b = Random({2, 3, 2});
  ExpectNear(Product(a, RunOne(OpKind::kLinearAlgebra, Routine("MatrixSolve"), {a, b})), b);
  EXPECT_THAT(ErrorOf(OpKind::kLinearAlgebra, Routine("MatrixSolve"), {a, Random({3, 2})}), HasSubstr("E_SHAPE"));
}

TEST(LinearAlgebra, TriangularSolveReadsOneTriangle) {
  const Tensor a = Doubles({2, 2}, {2, 9, 1, 4}), b = Random({3, 2, 2});
  const Tensor lower = Doubles({2, 2}, {2, 0, 1, 4}), upper = Doubles({2, 2}, {2, 9, 0, 4});
  LinearAlgebraAttrs attrs = Routine("MatrixTriangularSolve");
  for (bool is_lower : {true, false}) {
    for (bool adjoint : {true, false}) {
      attrs.lower = is_lower;
      attrs.adjoint = adjoint;
      const Tensor x = RunOne(OpKind::kLinearAlgebra, attrs, {a, b});
      ExpectNear(Product(is_lower ? lower : upper, x, adjoint), b);
    }
  }
}

TEST(LinearAlgebra, Cholesky) {
  const Tensor r = Random({3, 3});
  const Tensor a = Product(r, r, false, true);
  const Tensor l = RunOne(OpKind::kLinearAlgebra, Routine("Cholesky"), {a});
  EXPECT_EQ(l.values<double>()[1], 0);
  ExpectNear(Product(l, l, false, true), a);
  // NaN, but for the zeros, where the matrix is not positive definite.
  const Tensor none = RunOne(OpKind::kLinearAlgebra, Routine("Cholesky"), {Doubles({2, 2}, {1, 2, 2, 1})});
  for (const int i : {0, 2, 3}) EXPECT_TRUE(std::isnan(none.values<double>()[i]));
  EXPECT_EQ(none.values<double>()[1], 0);
}

TEST(LinearAlgebra, Determinants) {
  const Tensor a = Doubles({2, 2, 2}, {1, 2, 3, 4, 0, 1, 1, 0});
  const Tensor det = RunOne(OpKind::kLinearAlgebra, Routine("MatrixDeterminant"), {a});
  ExpectNear(det, Doubles({2}, {-2, -1}));
  const auto log = RunOp(OpKind::kLinearAlgebra, Routine("LogMatrixDeterminant"), {a}).value();
  ExpectNear(log[0], Doubles({2}, {-1, -1}));
  ExpectNear(log[1], Doubles({2}, {std::log(2.0), 0}));
  const auto singular = RunOp(OpKind::kLinearAlgebra, Routine("LogMatrixDeterminant"), {Doubles({2, 2}, {1, 1, 1, 1})});
  EXPECT_EQ((*singular)[0].values<double>()[0], 0);
  EXPECT_EQ((*singular)[1].values<double>()[0], -HUGE_VAL);
  EXPECT_EQ(RunOne(OpKind::kLinearAlgebra, Routine("MatrixDeterminant"), {Doubles({0, 0}, {})}).values<double>()[0], 1);
}

TEST(LinearAlgebra, SvdOfEveryShape) {
  for (auto [rows, cols] : {std::pair{3, 5}, {5, 3}, {4, 4}}) {
    for (bool full : {false, true}) {
      const Tensor a = Random({rows, cols});
      LinearAlgebraAttrs attrs = Routine("Svd");
      attrs.full = full;
      const auto suv = RunOp(OpKind::kLinearAlgebra, attrs, {a}).value();
      const int64_t rank = std::min(rows, cols), u_cols = full ? rows : rank, v_cols = full ? cols : rank;
      ASSERT_EQ(suv[1].shape(), Shape({rows, u_cols}));
      ASSERT_EQ(suv[2].shape(), Shape({cols, v_cols}));
      Tensor s = Tensor::Allocate(DType::kFloat64, Shape({u_cols, v_cols})).value();
      for (int64_t i = 0; i < rank; ++i) s.mutable_values<double>()[i * v_cols + i] = suv[0].values<double>()[i];
      ExpectNear(Product(Product(suv[1], s), suv[2], false, true), a);
      ExpectNear(Product(suv[1], suv[1], true), Identity(u_cols));
    }
  }
}

TEST(LinearAlgebra, QrOfEveryShape) {
  for (auto [rows, cols] : {std::pair{3, 5}, {5, 3}}) {
    for (bool full : {false, true}) {
      const Tensor a = Random({rows, cols});
      LinearAlgebraAttrs attrs = Routine("Qr");
      attrs.full = full;
      const auto qr = RunOp(OpKind::kLinearAlgebra, attrs, {a}).value();
      ExpectNear(Product(qr[0], qr[1]), a);
      ExpectNear(Product(qr[0], qr[0], true), Identity(full ? rows : std::min(rows, cols)));
    }
  }
}

TEST(LinearAlgebra, SelfAdjointEigen) {
  const Tensor a = Doubles({2, 2}, {2, 99, 1, 2});  // the upper triangle is not read
  const auto ev = RunOp(OpKind::kLinearAlgebra, Routine("SelfAdjointEigV2"), {a}).value();
  ExpectNear(ev[0], Doubles({2}, {1, 3}));
  LinearAlgebraAttrs values = Routine("SelfAdjointEigV2");
  values.vectors = false;
  EXPECT_EQ(RunOp(OpKind::kLinearAlgebra, values, {a}).value()[1].num_elements(), 0);
}

TEST(LinearAlgebra, Lu) {
  const auto lu = RunOp(OpKind::kLinearAlgebra, Routine("Lu"), {Doubles({2, 2}, {1, 2, 3, 4})}).value();
  ExpectNear(lu[0], Doubles({2, 2}, {3, 4, 1.0 / 3, 2.0 / 3}));
  EXPECT_THAT(Values<int32_t>(lu[1]), ::testing::ElementsAre(1, 0));
}

TEST(LinearAlgebra, SingularMatrices) {
  const Tensor a = Doubles({2, 2}, {1, 1, 1, 1});
  for (const char* op : {"MatrixInverse", "Lu"}) {
    EXPECT_THAT(ErrorOf(OpKind::kLinearAlgebra, Routine(op), {a}), HasSubstr("E_VALUE: the matrix is not invertible"));
  }
  EXPECT_THAT(ErrorOf(OpKind::kLinearAlgebra, Routine("MatrixSolve"), {a, a}), HasSubstr("E_VALUE"));
}

TEST(LinearAlgebra, Complex) {
  const Tensor a = ComplexTensor({2, 2}, {{1, 1}, {0, 2}, {3, 0}, {1, -1}});
  const Tensor inverse = RunOne(OpKind::kLinearAlgebra, Routine("MatrixInverse"), {a});
  const auto product = Values<std::complex<double>>(Product(a, inverse));
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(std::abs(product[i] - (i % 3 == 0 ? 1.0 : 0.0)), 0, 1e-14);
}

TEST(LinearAlgebra, Infers) {
  EXPECT_EQ(InferredAll(OpKind::kLinearAlgebra, Routine("Svd"), {{DType::kFloat32, {-1, 3, 5}}}),
            "f32[?,3] f32[?,3,3] f32[?,5,3]");
  EXPECT_EQ(InferredAll(OpKind::kLinearAlgebra, Routine("Lu"), {{DType::kFloat32, PartialShape::UnknownRank()}}),
            "f32<unknown rank> i32<unknown rank>");
  EXPECT_THAT(Inferred(OpKind::kLinearAlgebra, Routine("MatrixInverse"), {{DType::kFloat32, {3, 4}}}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(Inferred(OpKind::kLinearAlgebra, Routine("MatrixInverse"), {{DType::kInt32, {3, 3}}}),
              HasSubstr("E_DTYPE"));
  EXPECT_THAT(Inferred(OpKind::kLinearAlgebra, Routine("Nonsense"), {{DType::kFloat32, {3, 3}}}), HasSubstr("E_ATTR"));
}

}  // namespace
}  // namespace moulin::testing
