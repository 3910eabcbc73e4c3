#include <random>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor Random(const Shape& shape, int seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  for (float& v : t.mutable_values<float>()) v = uniform(random);
  return t;
}

TEST(ContractInfer, Shapes) {
  const auto infer = [](PartialShape a, PartialShape b, bool ta = false, bool tb = false) {
    return Inferred(OpKind::kContract, ContractAttrs{ta, tb}, {{DType::kFloat32, a}, {DType::kFloat32, b}});
  };
  EXPECT_EQ(infer({2, 3}, {3, 4}), "f32[2,4]");
  EXPECT_EQ(infer({3, 2}, {4, 3}, true, true), "f32[2,4]");
  EXPECT_EQ(infer({5, 1, 2, 3}, {7, 3, -1}), "f32[5,7,2,?]");
  EXPECT_EQ(infer({-1, 2, 3}, {3, 4}), "f32[?,2,4]");
  EXPECT_EQ(infer(PartialShape::UnknownRank(), {3, 4}), "f32<unknown rank>");
  EXPECT_THAT(infer({2, 3}, {4, 3}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(infer({3}, {3, 4}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(infer({2, 2, 3}, {3, 3, 4}), HasSubstr("E_SHAPE"));
}

// Every transposition, with broadcast batches, against the definition.
TEST(Contract, AgreesWithItsDefinition) {
  const int64_t m = 3, k = 5, n = 4;
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      const Tensor a = Random(ta ? Shape({2, 1, k, m}) : Shape({2, 1, m, k}), 1);
      const Tensor b = Random(tb ? Shape({3, n, k}) : Shape({3, k, n}), 2);
      const Tensor y = RunOne(OpKind::kContract, ContractAttrs{ta, tb}, {a, b});
      ASSERT_EQ(y.shape(), Shape({2, 3, m, n}));
      for (int64_t p = 0; p < 2; ++p) {
        for (int64_t q = 0; q < 3; ++q) {
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < n; ++j) {
              double sum = 0;
              for (int64_t l = 0; l < k; ++l) {
                sum += static_cast<double>(a.values<float>()[p * m * k + (ta ? l * m + i : i * k + l)]) *
                       b.values<float>()[q * k * n + (tb ? j * k + l : l * n + j)];
              }
              ASSERT_FLOAT_EQ(y.values<float>()[((p * 3 + q) * m + i) * n + j], static_cast<float>(sum));
            }
          }
        }
      }
    }
  }
}

TEST(Contract, EmptySizes) {
  const Tensor y = RunOne(OpKind::kContract, ContractAttrs{}, {Floats({2, 0}, {}), Floats({0, 3}, {})});
  ExpectFloats(y, {2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_EQ(
      RunOne(OpKind::kContract, ContractAttrs{}, {Floats({0, 2}, {}), Floats({2, 3}, {1, 2, 3, 4, 5, 6})}).shape(),
      Shape({0, 3}));
  EXPECT_EQ(RunOne(OpKind::kContract, ContractAttrs{}, {Floats({0, 1, 2}, {}), Floats({2, 1}, {1, 2})}).shape(),
            Shape({0, 1, 1}));
}

TEST(Contract, IntegersWrapAndFloat16AccumulatesWide) {
  const Tensor big = Tensor::Of<int32_t>({1, 2}, {1 << 30, 1 << 30}), two = Tensor::Of<int32_t>({2, 1}, {2, 1});
  EXPECT_THAT(Values<int32_t>(RunOne(OpKind::kContract, ContractAttrs{}, {big, two})), ElementsAre(-(1 << 30)));
  const std::vector<Half> ones(4096, Half(1.0f));
  const Tensor row = Tensor::Of<Half>({1, 4096}, absl::MakeConstSpan(ones));
  const Tensor y = RunOne(OpKind::kContract, ContractAttrs{false, true}, {row, row});
  EXPECT_EQ(static_cast<float>(y.values<Half>()[0]), 4096.0f);
}

TEST(Contract, Int8MaySumInInt32) {
  const std::vector<int8_t> row(300, -128);
  const Tensor a = Tensor::Of<int8_t>({1, 300}, absl::MakeConstSpan(row));
  ContractAttrs attrs;
  attrs.transpose_b = true;
  EXPECT_THAT(Values<int8_t>(RunOne(OpKind::kContract, attrs, {a, a})), ElementsAre(0));  // modulo 2^8
  attrs.product_type = DType::kInt32;
  EXPECT_THAT(Values<int32_t>(RunOne(OpKind::kContract, attrs, {a, a})), ElementsAre(300 * 128 * 128));
  Expr& e = attrs.epilogue;
  e.Binary(ExprOp::kMul, e.Cast(e.Input(0, DType::kInt32), DType::kFloat32), e.Input(1, DType::kFloat32));
  EXPECT_THAT(Values<float>(RunOne(OpKind::kContract, attrs, {a, a, Floats({1}, {0.5f})})),
              ElementsAre(150 * 128 * 128));
  attrs.product_type = DType::kFloat32;
  EXPECT_THAT(ErrorOf(OpKind::kContract, attrs, {a, a, Floats({1}, {0.5f})}), HasSubstr("E_DTYPE"));
}

TEST(Contract, Conjugates) {
  const Tensor a = ComplexTensor({1, 1}, {{1, 2}}), b = ComplexTensor({1, 1}, {{3, 4}});
  const auto run = [&](bool ca, bool cb) {
    return Values<std::complex<double>>(RunOne(OpKind::kContract, ContractAttrs{false, false, ca, cb}, {a, b}))[0];
  };
  EXPECT_EQ(run(false, false), std::complex<double>(-5, 10));
  EXPECT_EQ(run(true, false), std::complex<double>(11, -2));
  EXPECT_EQ(run(false, true), std::complex<double>(11, 2));
}

TEST(Contract, Epilogue) {
  ContractAttrs attrs;
  Expr& e = attrs.epilogue;
  const int biased = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Cast(e.Unary(ExprOp::kRelu, biased), DType::kFloat64);
  const Tensor a = Floats({2, 1}, {1, -1}), b = Floats({1, 2}, {1, 2}), bias = Floats({2}, {0, 1});
  EXPECT_THAT(Values<double>(RunOne(OpKind::kContract, attrs, {a, b, bias})), ElementsAre(1, 3, 0, 0));
  EXPECT_THAT(ErrorOf(OpKind::kContract, attrs, {a, b}), HasSubstr("E_ARITY"));
  EXPECT_THAT(ErrorOf(OpKind::kContract, attrs, {a, b, Floats({3}, {0, 1, 2})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kContract, ContractAttrs{}, {a, b, bias}), HasSubstr("E_ARITY"));
}

}  // namespace
}  // namespace moulin::testing
