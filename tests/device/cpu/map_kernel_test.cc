#include <limits>

#include "base/half.h"
#include "gtest/gtest.h"
#include "ops/type_dispatch.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

Tensor RandomOf(DType type, const Shape& shape, std::mt19937* random) {
  Tensor t = Tensor::Allocate(type, shape).value();
  const int64_t n = shape.num_elements();
  for (int64_t i = 0; i < n; ++i) {
    const double x = std::uniform_real_distribution<double>(-4, 4)(*random);
    switch (type) {
      case DType::kFloat32:
        t.mutable_values<float>()[i] = static_cast<float>(x);
        break;
      case DType::kFloat64:
        t.mutable_values<double>()[i] = x;
        break;
      case DType::kFloat16:
        t.mutable_values<Half>()[i] = Half(x);
        break;
      case DType::kBFloat16:
        t.mutable_values<BFloat16>()[i] = BFloat16(static_cast<float>(x));
        break;
      case DType::kInt32:
        t.mutable_values<int32_t>()[i] = static_cast<int32_t>(x * 10);
        break;
      case DType::kInt64:
        t.mutable_values<int64_t>()[i] = static_cast<int64_t>(x * 10);
        break;
      case DType::kUInt8:
        t.mutable_values<uint8_t>()[i] = static_cast<uint8_t>(x * 10 + 60);
        break;
      case DType::kBool:
        t.mutable_values<bool>()[i] = x > 0;
        break;
      default:
        ADD_FAILURE() << "no random values of type " << Name(type);
    }
  }
  return t;
}

// Shapes that broadcast together in every way: equal, scalar, row, column, middle axes, fewer axes.
std::vector<Shape> RandomBroadcast(int count, std::mt19937* random) {
  const int rank = static_cast<int>(RandomInt(random, 0, 4));
  Shape::Dims full;
  for (int i = 0; i < rank; ++i) {
    full.push_back(RandomInt(random, 0, 5) == 0 ? RandomInt(random, 250, 1100) : RandomInt(random, 1, 7));
  }
  std::vector<Shape> shapes;
  for (int k = 0; k < count; ++k) {
    Shape::Dims dims = full;
    for (int64_t& size : dims) {
      if (k > 0 && RandomInt(random, 0, 2) == 0) size = 1;
    }
    const int dropped = k > 0 ? static_cast<int>(RandomInt(random, 0, rank)) : 0;
    if (k > 0 && RandomInt(random, 0, 2) == 0) dims.erase(dims.begin(), dims.begin() + dropped);
    shapes.push_back(Shape(absl::MakeConstSpan(dims)));
  }
  return shapes;
}

// An expression of a few operations over inputs of one type; exact in every type, so results must be the same bits.
Expr RandomExactExpr(DType type, int inputs, std::mt19937* random) {
  Expr e;
  std::vector<int> values;
  for (int i = 0; i < inputs; ++i) values.push_back(e.Input(i, type));
  values.push_back(e.Constant(type, 2));
  const auto pick = [&] { return values[RandomInt(random, 0, static_cast<int64_t>(values.size()) - 1)]; };
  const int64_t steps = RandomInt(random, 1, 6);
  for (int64_t s = 0; s < steps; ++s) {
    switch (RandomInt(random, 0, 6)) {
      case 0:
        values.push_back(e.Binary(ExprOp::kAdd, pick(), pick()));
        break;
      case 1:
        values.push_back(e.Binary(ExprOp::kSub, pick(), pick()));
        break;
      case 2:
        values.push_back(e.Binary(ExprOp::kMax, pick(), pick()));
        break;
      case 3:
        values.push_back(e.Binary(ExprOp::kMin, pick(), pick()));
        break;
      case 4:
        values.push_back(e.Unary(ExprOp::kNeg, pick()));
        break;
      case 5:
        values.push_back(e.Unary(ExprOp::kAbs, pick()));
        break;
      default:
        values.push_back(e.Ternary(ExprOp::kSelect, e.Binary(ExprOp::kLess, pick(), pick()), pick(), pick()));
    }
  }
  // Every input must take part, or the output's shape would still depend on it.
  int sum = values.back();
  for (int i = 0; i < inputs; ++i) sum = e.Binary(ExprOp::kAdd, sum, i);
  return e;
}

TEST(MapKernelTest, BroadcastsOfEveryTypeAgreeBitForBit) {
  std::mt19937 random(1);
  for (DType type :
       {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kFloat16, DType::kBFloat16}) {
    for (int i = 0; i < 40; ++i) {
      const int inputs = static_cast<int>(RandomInt(&random, 1, 3));
      const Expr expr = RandomExactExpr(type, inputs, &random);
      std::vector<Operand> operands;
      std::string shapes;
      for (const Shape& shape : RandomBroadcast(inputs, &random)) {
        operands.push_back(Given(RandomOf(type, shape, &random)));
        shapes += shape.ToString();
      }
      SCOPED_TRACE(absl::StrCat(Name(type), " ", shapes, " ", expr.ToString()));
      const Ran ran = RunBoth(OpKind::kMap, MapAttrs{expr}, operands);
      ASSERT_TRUE(ran.status.ok()) << ran.status;
      EXPECT_EQ(ran.kernel, "cpu map");
      ExpectSameBytes(ran.expected[0], ran.actual[0]);
      if (HasFailure()) return;
    }
  }
}

TEST(MapKernelTest, CastsAgreeBitForBit) {
  std::mt19937 random(2);
  const DType types[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,   DType::kInt64,
                         DType::kUInt8,   DType::kBool,    DType::kFloat16, DType::kBFloat16};
  for (DType from : types) {
    for (DType to : types) {
      Expr e;
      e.Cast(e.Input(0, from), to);
      const Ran ran = RunBoth(OpKind::kMap, MapAttrs{e}, {Given(RandomOf(from, {3, 333}, &random))});
      ASSERT_TRUE(ran.status.ok()) << ran.status;
      SCOPED_TRACE(absl::StrCat(Name(from), " to ", Name(to), " by ", ran.kernel));
      ExpectSameBytes(ran.expected[0], ran.actual[0]);
    }
  }
}

TEST(MapKernelTest, FloatFunctionsAreWithinAFewUlp) {
  std::mt19937 random(3);
  for (ExprOp op : {ExprOp::kExp, ExprOp::kTanh, ExprOp::kErf, ExprOp::kSigmoid, ExprOp::kSoftplus, ExprOp::kElu,
                    ExprOp::kSqrt, ExprOp::kRsqrt, ExprOp::kLog, ExprOp::kLog1p, ExprOp::kSin, ExprOp::kExpm1,
                    ExprOp::kReciprocal, ExprOp::kSign, ExprOp::kFloor, ExprOp::kRound, ExprOp::kCeil}) {
    Expr e;
    e.Unary(op, e.Input(0, DType::kFloat32));
    const Ran ran = RunBoth(OpKind::kMap, MapAttrs{e}, {Given(RandomFloats({1777}, &random, -6, 6))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    SCOPED_TRACE(std::string(Name(op)));
    ExpectNear(ran.expected[0], ran.actual[0], 5 * std::numeric_limits<float>::epsilon(), 1e-40);
  }
}

TEST(MapKernelTest, ComparisonsAndLogicGiveBools) {
  std::mt19937 random(4);
  Expr e;
  const int x = e.Input(0, DType::kFloat32), y = e.Input(1, DType::kFloat32);
  const int less = e.Binary(ExprOp::kLess, x, y),
            big = e.Binary(ExprOp::kGreaterEqual, x, e.Constant(DType::kFloat32, 1));
  e.Binary(ExprOp::kOr, e.Unary(ExprOp::kNot, less), big);
  const Ran ran = RunBoth(
      OpKind::kMap, MapAttrs{e},
      {Given(RandomOf(DType::kFloat32, {5, 1, 301}, &random)), Given(RandomOf(DType::kFloat32, {7, 1}, &random))});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectSameBytes(ran.expected[0], ran.actual[0]);
}

TEST(MapKernelTest, EmptyAndScalarTensors) {
  Expr e;
  e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  std::mt19937 random(5);
  for (const auto& [a, b] : {std::pair<Shape, Shape>{{0}, {1}}, {{3, 0, 2}, {1, 1, 1}}, {{}, {}}, {{0, 5}, {5}}}) {
    const Ran ran =
        RunBoth(OpKind::kMap, MapAttrs{e}, {Given(RandomFloats(a, &random)), Given(RandomFloats(b, &random))});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ExpectSameBytes(ran.expected[0], ran.actual[0]);
  }
}

TEST(MapKernelTest, UncoveredTypesAreEvaluatedAndErrorsReported) {
  Expr e;
  e.Binary(ExprOp::kFloorDiv, e.Input(0, DType::kInt32), e.Input(1, DType::kInt32));
  const Tensor x = Tensor::Of<int32_t>({4}, {7, -7, 9, 1});
  Ran ran = RunBoth(OpKind::kMap, MapAttrs{e}, {Given(x), Given(Tensor::Of<int32_t>({4}, {2, 2, 4, 1}))});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectSameBytes(ran.expected[0], ran.actual[0]);
  PreparedNode p;
  ASSERT_TRUE(
      PrepareNode(OpKind::kMap, MapAttrs{e}, {Given(x), Given(Tensor::Of<int32_t>({4}, {2, 0, 4, 1}))}, &p).ok());
  std::vector<Tensor> outputs;
  EXPECT_FALSE(RunKernel(p, -1, &outputs).ok());
}

TEST(MapKernelTest, ManyThreadsGiveTheSameBitsAsOne) {
  std::mt19937 random(6);
  Expr e;
  const int x = e.Input(0, DType::kFloat32);
  e.Binary(ExprOp::kMul, e.Unary(ExprOp::kTanh, x), e.Input(1, DType::kFloat32));
  const Ran large = RunBoth(OpKind::kMap, MapAttrs{e},
                            {Given(RandomFloats({64, 5000}, &random)), Given(RandomFloats({64, 1}, &random))});
  ASSERT_TRUE(large.status.ok()) << large.status;
  ExpectNear(large.expected[0], large.actual[0], 5 * std::numeric_limits<float>::epsilon(), 0);
}

}  // namespace
}  // namespace moulin::testing
