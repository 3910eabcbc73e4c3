#include "device/host/cpu/epilogue.h"

#include "gtest/gtest.h"

namespace moulin::cpu {
namespace {

using dnnl::algorithm;
constexpr DType kF32 = DType::kFloat32;

struct Builder {
  Expr e;
  int x = e.Input(0, kF32);
  int C(double value) { return e.Constant(kF32, value); }
  int Op(ExprOp op, int a) { return e.Unary(op, a); }
  int Op(ExprOp op, int a, int b) { return e.Binary(op, a, b); }
};

std::vector<algorithm> Names(const Expr& e) {
  std::vector<algorithm> names;
  const auto post_ops = ToPostOps(e);
  if (!post_ops.has_value()) return {};
  for (const PostOp& op : *post_ops) names.push_back(op.algorithm);
  return names;
}

TEST(EpilogueTest, SpellingsOfGeluAreFound) {
  Builder a;  // 0.5 x (1 + erf(x / sqrt 2))
  a.Op(ExprOp::kMul, a.Op(ExprOp::kMul, a.x, a.C(0.5)),
       a.Op(ExprOp::kAdd, a.Op(ExprOp::kErf, a.Op(ExprOp::kDiv, a.x, a.C(1.41421356))), a.C(1)));
  EXPECT_EQ(Names(a.e), std::vector<algorithm>{algorithm::eltwise_gelu_erf});
  Builder b;  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
  const int cubic = b.Op(ExprOp::kMul, b.C(0.044715), b.Op(ExprOp::kPow, b.x, b.C(3)));
  const int inner = b.Op(ExprOp::kMul, b.C(0.7978845608), b.Op(ExprOp::kAdd, b.x, cubic));
  b.Op(ExprOp::kMul, b.x, b.Op(ExprOp::kMul, b.C(0.5), b.Op(ExprOp::kAdd, b.C(1), b.Op(ExprOp::kTanh, inner))));
  EXPECT_EQ(Names(b.e), std::vector<algorithm>{algorithm::eltwise_gelu_tanh});
}

TEST(EpilogueTest, ClipsAndSlopesTakeTheirParameters) {
  Builder a;
  a.Op(ExprOp::kMin, a.Op(ExprOp::kMax, a.x, a.C(-2)), a.C(7));
  const auto clip = ToPostOps(a.e);
  ASSERT_TRUE(clip.has_value());
  EXPECT_EQ((*clip)[0].algorithm, algorithm::eltwise_clip_v2);
  EXPECT_EQ((*clip)[0].alpha, -2);
  EXPECT_EQ((*clip)[0].beta, 7);
  Builder b;
  const int negative = b.Op(ExprOp::kLess, b.x, b.C(0));
  b.e.Ternary(ExprOp::kSelect, negative, b.Op(ExprOp::kMul, b.x, b.C(0.3)), b.x);
  const auto leaky = ToPostOps(b.e);
  ASSERT_TRUE(leaky.has_value());
  EXPECT_EQ((*leaky)[0].algorithm, algorithm::eltwise_relu);
  EXPECT_FLOAT_EQ((*leaky)[0].alpha, 0.3f);
}

TEST(EpilogueTest, ChainsKeepTheirOrder) {
  Builder b;
  const int biased = b.Op(ExprOp::kAdd, b.x, b.e.Input(1, kF32));
  const int active = b.Op(ExprOp::kRelu, biased);
  b.Op(ExprOp::kMul, b.e.Input(2, kF32), active);
  EXPECT_EQ(Names(b.e),
            (std::vector<algorithm>{algorithm::binary_add, algorithm::eltwise_relu, algorithm::binary_mul}));
}

TEST(EpilogueTest, NearMissesAreRefused) {
  Builder a;  // not quite gelu
  a.Op(ExprOp::kMul, a.Op(ExprOp::kMul, a.x, a.C(0.5)),
       a.Op(ExprOp::kAdd, a.Op(ExprOp::kErf, a.Op(ExprOp::kMul, a.x, a.C(0.70))), a.C(1)));
  EXPECT_FALSE(ToPostOps(a.e).has_value());
  Builder b;  // not relu, though the same up to 300
  b.Op(ExprOp::kMin, b.Op(ExprOp::kRelu, b.x), b.C(300));
  const auto clip = ToPostOps(b.e);
  ASSERT_TRUE(clip.has_value());
  EXPECT_EQ((*clip)[0].algorithm, algorithm::eltwise_clip_v2);
  Builder c;  // the operand is subtracted from, which oneDNN cannot turn round
  c.Op(ExprOp::kSub, c.e.Input(1, kF32), c.Op(ExprOp::kTanh, c.x));
  EXPECT_FALSE(ToPostOps(c.e).has_value());
  Builder d;  // reads the product twice beside an operand
  d.Op(ExprOp::kMul, d.Op(ExprOp::kAdd, d.x, d.e.Input(1, kF32)), d.x);
  EXPECT_FALSE(ToPostOps(d.e).has_value());
}

TEST(EpilogueTest, SpreadsAreTold) {
  const Shape product({2, 5, 6, 8});
  EXPECT_EQ(SpreadOf(Shape({8}), product, 3), Spread::kChannel);
  EXPECT_EQ(SpreadOf(Shape({1, 1, 1, 8}), product, 3), Spread::kChannel);
  EXPECT_EQ(SpreadOf(Shape({5, 1, 1}), product, 1), Spread::kChannel);
  EXPECT_EQ(SpreadOf(Shape({1}), product, 3), Spread::kScalar);
  EXPECT_EQ(SpreadOf(product, product, 3), Spread::kFull);
  EXPECT_EQ(SpreadOf(Shape({2, 1, 1, 8}), product, 3), Spread::kOther);
  EXPECT_EQ(SpreadOf(Shape({6, 1}), product, 3), Spread::kOther);
}

}  // namespace
}  // namespace moulin::cpu
