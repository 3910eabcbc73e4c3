#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"
#include "tests/support/int8_epilogue.h"

namespace moulin::testing {
namespace {

struct Product {
  Shape a, b;
  ContractAttrs attrs;
  int64_t k;
};

// Batches that are equal, broadcast on either side, or absent.
Product RandomProduct(std::mt19937* random) {
  Product p;
  const int64_t m = RandomInt(random, 1, 40), n = RandomInt(random, 1, 40);
  p.k = RandomInt(random, 1, 70);
  p.attrs.transpose_a = RandomInt(random, 0, 3) == 0;
  p.attrs.transpose_b = RandomInt(random, 0, 2) == 0;
  Shape::Dims a, b;
  const int batch_axes = static_cast<int>(RandomInt(random, 0, 3));
  const int style = static_cast<int>(RandomInt(random, 0, 3));  // 0: equal, 1: b has none, 2: ones in a, 3: mixed
  for (int i = 0; i < batch_axes; ++i) {
    const int64_t size = RandomInt(random, 1, 4);
    a.push_back(style == 2 || (style == 3 && RandomInt(random, 0, 1)) ? 1 : size);
    if (style != 1) b.push_back(style == 3 && RandomInt(random, 0, 1) ? 1 : size);
  }
  const auto push = [](Shape::Dims* dims, int64_t rows, int64_t columns, bool transpose) {
    dims->push_back(transpose ? columns : rows);
    dims->push_back(transpose ? rows : columns);
  };
  push(&a, m, p.k, p.attrs.transpose_a);
  push(&b, p.k, n, p.attrs.transpose_b);
  p.a = Shape(absl::MakeConstSpan(a));
  p.b = Shape(absl::MakeConstSpan(b));
  return p;
}

// Any order of summation errs by at most about k * epsilon * sum |a||b|.
std::vector<double> Tolerance(const Product& p, const Tensor& a, const Tensor& b, double gain, double absolute) {
  ContractAttrs attrs = p.attrs;
  attrs.epilogue = Expr();
  const Ran magnitudes = RunBoth(OpKind::kContract, attrs, {Given(Magnitudes(a)), Given(Magnitudes(b))});
  std::vector<double> tolerance;
  for (float sum : magnitudes.expected[0].values<float>()) {
    tolerance.push_back(gain * (p.k + 2) * kEpsilon * sum + absolute);
  }
  return tolerance;
}

TEST(ContractKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const Product p = RandomProduct(&random);
    const Tensor a = RandomFloats(p.a, &random), b = RandomFloats(p.b, &random);
    SCOPED_TRACE(absl::StrCat("case ", i, ": ", p.a.ToString(), " x ", p.b.ToString(), " ", AttrsToString(p.attrs)));
    const Ran ran = RunBoth(OpKind::kContract, p.attrs, {Given(a), {b, RandomInt(&random, 0, 1) == 0}});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    ExpectNear(ran.expected[0], ran.actual[0], Tolerance(p, a, b, 1, 0));
    if (HasFatalFailure()) return;
  }
}

// gelu(x + bias) + residual * scalar, and one that oneDNN has no post-op for.
Expr GeluEpilogue() {
  Expr e;
  const DType f = DType::kFloat32;
  const int x = e.Binary(ExprOp::kAdd, e.Input(0, f), e.Input(1, f));
  const int erf = e.Unary(ExprOp::kErf, e.Binary(ExprOp::kMul, x, e.Constant(f, 0.7071067811865476)));
  const int one_plus = e.Binary(ExprOp::kAdd, e.Constant(f, 1), erf);
  const int gelu = e.Binary(ExprOp::kMul, e.Binary(ExprOp::kMul, e.Constant(f, 0.5), x), one_plus);
  e.Binary(ExprOp::kAdd, gelu, e.Input(2, f));
  return e;
}
Expr MaskedEpilogue() {
  Expr e;
  const DType f = DType::kFloat32;
  const int x = e.Binary(ExprOp::kMul, e.Input(0, f), e.Constant(f, 0.125));
  const int masked = e.Binary(ExprOp::kAdd, x, e.Input(1, f));
  e.Ternary(ExprOp::kSelect, e.Binary(ExprOp::kGreater, masked, e.Constant(f, -1e3)), masked, e.Input(2, f));
  return e;
}

TEST(ContractKernelTest, EpiloguesAgreeWithReference) {
  std::mt19937 random(2);
  for (int i = 0; i < 80; ++i) {
    Product p = RandomProduct(&random);
    const bool gelu = i % 2 == 0;
    const Tensor a = RandomFloats(p.a, &random), b = RandomFloats(p.b, &random);
    const Ran plain = RunBoth(OpKind::kContract, p.attrs, {Given(a), Given(b)});
    ASSERT_TRUE(plain.status.ok()) << plain.status;
    const Shape y = plain.expected[0].shape();
    const std::vector<double> tolerance = Tolerance(p, a, b, 1.2, 3e-6);
    p.attrs.epilogue = gelu ? GeluEpilogue() : MaskedEpilogue();
    const Shape row({y[y.rank() - 1]});
    const Ran ran = RunBoth(OpKind::kContract, p.attrs,
                            {Given(a),
                             {b, RandomInt(&random, 0, 1) == 0},
                             Constant(RandomFloats(row, &random)),
                             Given(RandomFloats(RandomInt(&random, 0, 1) ? y : Shape(), &random))});
    SCOPED_TRACE(absl::StrCat("case ", i, ": ", p.a.ToString(), " x ", p.b.ToString(), " ", AttrsToString(p.attrs)));
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_TRUE(!gelu || ran.kernel.find("map") == std::string::npos) << ran.kernel;
    ExpectNear(ran.expected[0], ran.actual[0], tolerance);
    if (HasFatalFailure()) return;
  }
}

// The attention mask: [batch, 1, 1, n] on scores [batch, heads, m, n].
TEST(ContractKernelTest, EpilogueOperandMayBroadcastOverBatchAxes) {
  std::mt19937 random(3);
  Product p{{2, 3, 5, 8}, {2, 3, 8, 7}, {}, 8};
  const Tensor a = RandomFloats(p.a, &random), b = RandomFloats(p.b, &random);
  Expr e;
  e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  p.attrs.epilogue = e;
  const Ran ran = RunBoth(OpKind::kContract, p.attrs, {Given(a), Given(b), Given(RandomFloats({2, 1, 1, 7}, &random))});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectNear(ran.expected[0], ran.actual[0], Tolerance(p, a, b, 1, 1e-6));
}

TEST(ContractKernelTest, EmptyOperandsGiveZerosOrNothing) {
  std::mt19937 random(4);
  for (const auto& [a, b] : {std::pair<Shape, Shape>{{3, 0}, {0, 4}}, {{0, 2}, {2, 4}}, {{0, 3, 2}, {2, 4}}}) {
    const Ran ran =
        RunBoth(OpKind::kContract, ContractAttrs(), {Given(RandomFloats(a, &random)), Given(RandomFloats(b, &random))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ExpectSameBytes(ran.expected[0], ran.actual[0]);
  }
}

// Larger sizes, where oneDNN blocks and threads.
TEST(ContractKernelTest, LargeProductsAgreeWithReferenceAndAreDeterministic) {
  std::mt19937 random(5);
  Product p{{3, 130, 300}, {300, 257}, {}, 300};
  const Tensor a = RandomFloats(p.a, &random), b = RandomFloats(p.b, &random);
  const Ran first = RunBoth(OpKind::kContract, p.attrs, {Given(a), Constant(b)});
  ASSERT_TRUE(first.status.ok()) << first.status;
  ExpectNear(first.expected[0], first.actual[0], Tolerance(p, a, b, 1, 0));
  const Ran second = RunBoth(OpKind::kContract, p.attrs, {Given(a), Constant(b)});
  ExpectSameBytes(first.actual[0], second.actual[0]);
}

TEST(ContractKernelTest, Int8SumsAreExact) {
  std::mt19937 random(8);
  for (int i = 0; i < 40; ++i) {
    Product p = RandomProduct(&random);
    p.attrs.product_type = DType::kInt32;
    const Tensor b = RandomInt8s(p.b, &random);
    std::vector<Operand> operands = {Given(RandomInt8s(p.a, &random)), i % 2 == 0 ? Constant(b) : Given(b)};
    if (i % 3 > 0) {
      p.attrs.epilogue = Int8Epilogue(/*has_residual=*/false, i % 3 == 2 ? std::optional(0.37) : std::nullopt);
      const int64_t columns = p.b[p.b.rank() - (p.attrs.transpose_b ? 2 : 1)];
      operands.push_back(Constant(RandomFloats(Shape({columns}), &random, 0.0001f, 0.01f)));
    }
    const Ran ran = RunBoth(OpKind::kContract, p.attrs, operands);
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_TRUE(HasEqualBytes(ran.actual[0], ran.expected[0])) << ran.kernel << p.a.ToString() << p.b.ToString();
  }
}

}  // namespace
}  // namespace moulin::testing
