#include <cmath>
#include <limits>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor Axes(std::vector<int32_t> axes) { return Vector<int32_t>(std::move(axes)); }
Tensor Axis(int32_t axis) { return Tensor::Scalar<int32_t>(axis); }

TEST(ReduceInfer, Shapes) {
  const auto infer = [](bool keep, PartialShape x, Operand axes) {
    return Inferred(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum, keep}, {{DType::kFloat32, x}, axes});
  };
  EXPECT_EQ(infer(false, {2, -1, 4}, Axes({0, -1})), "f32[?]");
  EXPECT_EQ(infer(true, {2, -1, 4}, Axes({0, -1})), "f32[1,?,1]");
  EXPECT_EQ(infer(false, {2, 3}, Axes({})), "f32[2,3]");
  EXPECT_EQ(infer(false, {2, 3}, Axis(1)), "f32[2]");
  EXPECT_EQ(infer(true, {2, 3}, {DType::kInt32, {2}}), "f32[?,?]");
  EXPECT_EQ(infer(false, {2, 3, 4}, {DType::kInt32, {2}}), "f32[?]");
  EXPECT_EQ(infer(false, {2, 3}, {DType::kInt32, {-1}}), "f32<unknown rank>");
  EXPECT_EQ(infer(true, PartialShape::UnknownRank(), Axes({0})), "f32<unknown rank>");
  EXPECT_THAT(infer(false, {2, 3}, Axes({2})), HasSubstr("E_ATTR"));
  EXPECT_THAT(infer(false, {2, 3}, Axes({0, -2})), HasSubstr("axis 0 is given twice"));
}

TEST(ReduceInfer, ChecksTypes) {
  const auto infer = [](ReduceOp op, DType type) {
    return Inferred(OpKind::kReduce, ReduceAttrs{op}, {{type, {2}}, Axes({0})});
  };
  EXPECT_THAT(infer(ReduceOp::kAny, DType::kFloat32), HasSubstr("E_DTYPE"));
  EXPECT_THAT(infer(ReduceOp::kSum, DType::kBool), HasSubstr("E_DTYPE"));
  EXPECT_THAT(infer(ReduceOp::kMax, DType::kComplex64), HasSubstr("E_DTYPE"));
  EXPECT_EQ(infer(ReduceOp::kMean, DType::kComplex64), "c64[]");
}

// Every subset of the axes of a [2,3,4] tensor, against a loop over coordinates.
TEST(Reduce, EverySetOfAxes) {
  Tensor x = Tensor::Allocate(DType::kInt64, Shape({2, 3, 4})).value();
  for (int i = 0; i < 24; ++i) x.mutable_values<int64_t>()[i] = i * i % 17 - 5;
  for (int mask = 0; mask < 8; ++mask) {
    std::vector<int32_t> axes;
    for (int a = 0; a < 3; ++a) {
      if (mask >> a & 1) axes.push_back(a == 1 ? -2 : a);
    }
    std::vector<int64_t> expected(24 / ((mask & 1 ? 2 : 1) * (mask & 2 ? 3 : 1) * (mask & 4 ? 4 : 1)), 0);
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) {
        for (int k = 0; k < 4; ++k) {
          int64_t place = 0;
          if (!(mask & 1)) place = i;
          if (!(mask & 2)) place = place * 3 + j;
          if (!(mask & 4)) place = place * 4 + k;
          expected[place] += x.values<int64_t>()[(i * 3 + j) * 4 + k];
        }
      }
    }
    for (bool keep : {false, true}) {
      const Tensor y = RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum, keep}, {x, Axes(axes)});
      EXPECT_EQ(Values<int64_t>(y), expected) << mask;
      EXPECT_EQ(y.shape().rank(), keep ? 3 : 3 - static_cast<int>(axes.size()));
    }
  }
}

TEST(Reduce, Kinds) {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, -2, 3, 4, 0.5f, 6});
  const auto run = [&](ReduceOp op) { return Values<float>(RunOne(OpKind::kReduce, ReduceAttrs{op}, {x, Axes({1})})); };
  EXPECT_THAT(run(ReduceOp::kSum), ElementsAre(2, 10.5f));
  EXPECT_THAT(run(ReduceOp::kMean), ElementsAre(2.0f / 3, 3.5f));
  EXPECT_THAT(run(ReduceOp::kProd), ElementsAre(-6, 12));
  EXPECT_THAT(run(ReduceOp::kMax), ElementsAre(3, 6));
  EXPECT_THAT(run(ReduceOp::kMin), ElementsAre(-2, 0.5f));
}

TEST(Reduce, OfNothing) {
  const Tensor x = Tensor::Of<float>({0, 2}, {}), n = Tensor::Of<int32_t>({0, 2}, {});
  const auto run = [&](ReduceOp op) { return Values<float>(RunOne(OpKind::kReduce, ReduceAttrs{op}, {x, Axes({0})})); };
  EXPECT_THAT(run(ReduceOp::kSum), ElementsAre(0, 0));
  EXPECT_THAT(run(ReduceOp::kProd), ElementsAre(1, 1));
  EXPECT_THAT(run(ReduceOp::kMax), ElementsAre(-kInfinity, -kInfinity));
  EXPECT_THAT(run(ReduceOp::kMin), ElementsAre(kInfinity, kInfinity));
  EXPECT_THAT(run(ReduceOp::kMean), ElementsAre(IsNan(), IsNan()));
  EXPECT_THAT(Values<int32_t>(RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kMax}, {n, Axes({0})})),
              ElementsAre(INT32_MIN, INT32_MIN));
  EXPECT_EQ(RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum}, {x, Axes({1})}).shape(), Shape({0}));
}

TEST(Reduce, NaNWins) {
  const Tensor x = Tensor::Of<float>({2, 2}, {1, kNaN, kNaN, 1});
  for (ReduceOp op : {ReduceOp::kMax, ReduceOp::kMin}) {
    EXPECT_THAT(Values<float>(RunOne(OpKind::kReduce, ReduceAttrs{op}, {x, Axes({1})})), ElementsAre(IsNan(), IsNan()));
  }
}

TEST(Reduce, Truths) {
  Tensor x = Tensor::Allocate(DType::kBool, Shape({2, 2})).value();
  x.mutable_values<bool>()[0] = true;
  EXPECT_THAT(Values<bool>(RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kAny}, {x, Axes({1})})),
              ElementsAre(true, false));
  EXPECT_THAT(Values<bool>(RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kAll}, {x, Axes({1})})),
              ElementsAre(false, false));
}

TEST(Reduce, Float16AccumulatesWide) {
  // In float16 the sum would stop at 2048.
  std::vector<Half> ones(4096, Half(1.0f));
  const Tensor y = RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum}, {Vector<Half>(ones), Axes({0})});
  EXPECT_EQ(static_cast<float>(y.values<Half>()[0]), 4096.0f);
}

TEST(Reduce, IntegersWrapAndMeansTruncate) {
  EXPECT_THAT(Values<int32_t>(
                  RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum}, {Vector<int32_t>({INT32_MAX, 1}), Axes({0})})),
              ElementsAre(INT32_MIN));
  EXPECT_THAT(
      Values<int32_t>(RunOne(OpKind::kReduce, ReduceAttrs{ReduceOp::kMean}, {Vector<int32_t>({-3, -4, 2}), Axes({0})})),
      ElementsAre(-1));
}

// x * y + 1, rounded to int32.
Expr ScaledAndCast() {
  Expr e;
  const int product = e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.SetResult(e.Cast(e.Binary(ExprOp::kAdd, product, e.Constant(DType::kFloat32, 1)), DType::kInt32));
  return e;
}

// Neither operand has the shape of what is reduced, nor its type.
TEST(Reduce, WhatAPrologueMakesOfItsOperands) {
  const Tensor x = Tensor::Of<float>({2, 1}, {1, 2.5f}), y = Tensor::Of<float>({3}, {0.5f, 1, 3});
  const auto run = [&](ReduceOp op, std::vector<int32_t> axes) {
    return Values<int32_t>(RunOne(OpKind::kReduce, ReduceAttrs{op, false, ScaledAndCast()}, {x, Axes(axes), y}));
  };
  EXPECT_THAT(run(ReduceOp::kSum, {1}), ElementsAre(1 + 2 + 4, 2 + 3 + 8));
  EXPECT_THAT(run(ReduceOp::kMax, {0}), ElementsAre(2, 3, 8));
  EXPECT_THAT(run(ReduceOp::kMean, {0, -1}), ElementsAre(20 / 6));
}

TEST(ReduceInfer, ChecksPrologues) {
  const auto infer = [](ReduceOp op, const std::vector<Operand>& operands) {
    return Inferred(OpKind::kReduce, ReduceAttrs{op, false, ScaledAndCast()}, operands);
  };
  const Operand x = {DType::kFloat32, {2, -1, 1}}, y = {DType::kFloat32, {4}};
  EXPECT_EQ(infer(ReduceOp::kSum, {x, Axes({0}), y}), "i32[?,4]");
  EXPECT_EQ(infer(ReduceOp::kSum, {x, {DType::kInt32, {2}}, y}), "i32[?]");
  EXPECT_THAT(infer(ReduceOp::kAny, {x, Axes({0}), y}), HasSubstr("needs bool, got i32"));
  EXPECT_THAT(infer(ReduceOp::kSum, {x, Axes({3}), y}), HasSubstr("E_ATTR"));
  EXPECT_THAT(infer(ReduceOp::kSum, {x, Axes({0})}), HasSubstr("E_ARITY"));
  EXPECT_THAT(infer(ReduceOp::kSum, {x, Axes({0}), {DType::kFloat64, {4}}}), HasSubstr("E_DTYPE"));
  EXPECT_THAT(infer(ReduceOp::kSum, {x, Axes({0}), {DType::kFloat32, {3, 1, 1}}}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(Inferred(OpKind::kReduce, ReduceAttrs{}, {x, Axes({0}), y}), HasSubstr("E_ARITY"));
}

TEST(ArgReduce, FirstOfEqualsAndNaN) {
  const Tensor x = Tensor::Of<float>({4, 3}, {1, 3, 3, kNaN, 1, 3, kNaN, kNaN, kNaN, -1, -2, -2});
  const auto run = [&](bool max, int axis) {
    return Values<int64_t>(RunOne(OpKind::kArgReduce, ArgReduceAttrs{max}, {x, Axis(axis)}));
  };
  EXPECT_THAT(run(true, -1), ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(run(false, 1), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(run(true, 0), ElementsAre(0, 0, 0));
  EXPECT_THAT(Inferred(OpKind::kArgReduce, ArgReduceAttrs{}, {{DType::kFloat32, {0, 3}}, Axis(0)}),
              HasSubstr("E_SHAPE"));
  EXPECT_EQ(Inferred(OpKind::kArgReduce, ArgReduceAttrs{true, DType::kInt32},
                     {{DType::kFloat32, {-1, 3}}, {DType::kInt32, PartialShape::OfRank(0)}}),
            "i32[?]");
}

TEST(Scan, Directions) {
  const Tensor x = Tensor::Of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto run = [&](ScanOp op, bool exclusive, bool reverse, int axis) {
    return Values<int32_t>(RunOne(OpKind::kScan, ScanAttrs{op, exclusive, reverse}, {x, Axis(axis)}));
  };
  EXPECT_THAT(run(ScanOp::kSum, false, false, 1), ElementsAre(1, 3, 6, 4, 9, 15));
  EXPECT_THAT(run(ScanOp::kSum, true, true, 1), ElementsAre(5, 3, 0, 11, 6, 0));
  EXPECT_THAT(run(ScanOp::kProd, true, false, -1), ElementsAre(1, 1, 2, 1, 4, 20));
  EXPECT_THAT(run(ScanOp::kSum, false, true, 0), ElementsAre(5, 7, 9, 4, 5, 6));
}

TEST(Scan, LogSumExp) {
  const Tensor x = Vector<double>({1, 2, 3});
  const auto y = Values<double>(RunOne(OpKind::kScan, ScanAttrs{ScanOp::kLogSumExp}, {x, Axis(0)}));
  EXPECT_DOUBLE_EQ(y[2], std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)));
  const auto z = Values<double>(RunOne(OpKind::kScan, ScanAttrs{ScanOp::kLogSumExp, true}, {x, Axis(0)}));
  EXPECT_EQ(z[0], -kInfinity);
  EXPECT_DOUBLE_EQ(z[1], 1);
}

}  // namespace
}  // namespace moulin::testing
