#include <cmath>
#include <limits>

#include "ops/map_eval.h"
#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();

MapAttrs Unary(ExprOp op, DType type) {
  Expr e;
  e.Unary(op, e.Input(0, type));
  return {e};
}

MapAttrs Binary(ExprOp op, DType type) {
  Expr e;
  const int x = e.Input(0, type);
  e.Binary(op, x, e.Input(1, type));
  return {e};
}

MapAttrs CastTo(DType from, DType to) {
  Expr e;
  e.Cast(e.Input(0, from), to);
  return {e};
}

template <typename T>
std::vector<T> RunBinary(ExprOp op, std::vector<T> x, std::vector<T> y) {
  return Values<T>(RunOne(OpKind::kMap, Binary(op, DTypeOf<T>::value), {Vector<T>(x), Vector<T>(y)}));
}

TEST(MapInfer, Broadcasts) {
  const MapAttrs add = Binary(ExprOp::kAdd, DType::kFloat32);
  const auto infer = [&](PartialShape a, PartialShape b) {
    return Inferred(OpKind::kMap, add, {{DType::kFloat32, a}, {DType::kFloat32, b}});
  };
  EXPECT_EQ(infer({2, 1, 3}, {4, 1}), "f32[2,4,3]");
  EXPECT_EQ(infer({-1, 3}, {1}), "f32[?,3]");
  EXPECT_EQ(infer({-1}, {5}), "f32[5]");
  EXPECT_EQ(infer({-1}, {0}), "f32[0]");
  EXPECT_EQ(infer({-1}, {1}), "f32[?]");
  EXPECT_EQ(infer(PartialShape::UnknownRank(), {2}), "f32<unknown rank>");
  EXPECT_THAT(infer({2}, {3}), HasSubstr("E_SHAPE"));
}

TEST(MapInfer, ChecksTypes) {
  EXPECT_THAT(Inferred(OpKind::kMap, Unary(ExprOp::kAbs, DType::kFloat32), {{DType::kInt32, {2}}}),
              HasSubstr("E_DTYPE: input 0: expected f32, got i32"));
  EXPECT_THAT(Inferred(OpKind::kMap, Binary(ExprOp::kAdd, DType::kFloat32), {{DType::kFloat32, {2}}}),
              HasSubstr("E_ARITY"));
}

TEST(Map, BroadcastsEveryWay) {
  const Tensor x = Tensor::Of<int32_t>({2, 1, 3}, {0, 1, 2, 10, 11, 12});
  const Tensor y = Tensor::Of<int32_t>({2, 1}, {100, 200});
  const Tensor z = RunOne(OpKind::kMap, Binary(ExprOp::kAdd, DType::kInt32), {x, y});
  EXPECT_EQ(z.shape(), Shape({2, 2, 3}));
  EXPECT_THAT(Values<int32_t>(z), ElementsAre(100, 101, 102, 200, 201, 202, 110, 111, 112, 210, 211, 212));
}

// More than a block of elements, of which the rows do not divide a block; against plain loops.
TEST(Map, ManyBlocksAgreeWithLoops) {
  const int64_t rows = 13, cols = 301;
  Tensor x = Tensor::Allocate(DType::kFloat32, Shape({rows, cols})).value();
  Tensor row = Tensor::Allocate(DType::kFloat16, Shape({cols})).value();
  Tensor col = Tensor::Allocate(DType::kFloat32, Shape({rows, 1})).value();
  for (int64_t i = 0; i < rows * cols; ++i) x.mutable_values<float>()[i] = static_cast<float>(i % 97) - 40;
  for (int64_t i = 0; i < cols; ++i) row.mutable_values<Half>()[i] = Half(static_cast<float>(i) / 8);
  for (int64_t i = 0; i < rows; ++i) col.mutable_values<float>()[i] = static_cast<float>(i) * 3;
  Expr e;
  const int product = e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(2, DType::kFloat32));
  e.Binary(ExprOp::kSub, product, e.Cast(e.Input(1, DType::kFloat16), DType::kFloat32));
  const Tensor y = RunOne(OpKind::kMap, MapAttrs{e}, {x, row, col});
  ASSERT_EQ(y.shape(), Shape({rows, cols}));
  for (int64_t i = 0; i < rows * cols; ++i) {
    const float expected =
        x.values<float>()[i] * col.values<float>()[i / cols] - static_cast<float>(row.values<Half>()[i % cols]);
    ASSERT_EQ(y.values<float>()[i], expected) << i;
  }
}

TEST(Map, EmptyTensorsGiveEmptyResults) {
  const Tensor y = RunOne(OpKind::kMap, Binary(ExprOp::kAdd, DType::kFloat32),
                          {Tensor::Of<float>({0, 3}, {}), Tensor::Of<float>({1, 3}, {1, 2, 3})});
  EXPECT_EQ(y.shape(), Shape({0, 3}));
}

TEST(Map, RoundsFloat16AfterEachInstruction) {
  // 2048 + 1 is halfway between float16 numbers and goes to the even one, twice; in float the sum would be 2050.
  Expr e;
  const int x = e.Input(0, DType::kFloat16), one = e.Constant(DType::kFloat16, 1);
  e.Binary(ExprOp::kAdd, e.Binary(ExprOp::kAdd, x, one), one);
  const Tensor y = RunOne(OpKind::kMap, MapAttrs{e}, {Vector<Half>({Half(2048.0f)})});
  EXPECT_EQ(static_cast<float>(y.values<Half>()[0]), 2048.0f);
}

TEST(Map, IntegerDivision) {
  using I = std::vector<int32_t>;
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kFloorDiv, {7, -7, 7, -7}, {2, 2, -2, -2}), (I{3, -4, -4, 3}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kFloorMod, {7, -7, 7, -7}, {3, 3, -3, -3}), (I{1, 2, -2, -1}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kDiv, {7, -7, 7, -7}, {2, 2, -2, -2}), (I{3, -3, -3, 3}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kTruncMod, {7, -7, 7, -7}, {3, 3, -3, -3}), (I{1, -1, 1, -1}));
  // The lowest by -1 wraps.
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kDiv, {INT32_MIN}, {-1}), (I{INT32_MIN}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kFloorDiv, {INT32_MIN}, {-1}), (I{INT32_MIN}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kFloorMod, {INT32_MIN}, {-1}), (I{0}));
  EXPECT_EQ(RunBinary<int8_t>(ExprOp::kDiv, {-128}, {-1}), (std::vector<int8_t>{-128}));
}

TEST(Map, IntegerDivisionByZeroIsAnError) {
  for (ExprOp op : {ExprOp::kDiv, ExprOp::kFloorDiv, ExprOp::kFloorMod, ExprOp::kTruncMod}) {
    EXPECT_THAT(ErrorOf(OpKind::kMap, Binary(op, DType::kInt64), {Vector<int64_t>({1, 2}), Vector<int64_t>({1, 0})}),
                HasSubstr("E_VALUE: integer division by zero"))
        << Name(op);
  }
  EXPECT_THAT(ErrorOf(OpKind::kMap, Binary(ExprOp::kPow, DType::kInt32), {Vector<int32_t>({2}), Vector<int32_t>({-1})}),
              HasSubstr("E_VALUE"));
}

TEST(Map, IntegersWrap) {
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kAdd, {INT32_MAX}, {1}), (std::vector<int32_t>{INT32_MIN}));
  EXPECT_EQ(RunBinary<uint8_t>(ExprOp::kSub, {1}, {2}), (std::vector<uint8_t>{255}));
  EXPECT_EQ(RunBinary<int8_t>(ExprOp::kMul, {100}, {3}), (std::vector<int8_t>{44}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kPow, {0, 0, -1, 2, 3}, {0, 3, 5, 40, 4}),
            (std::vector<int32_t>{1, 0, -1, 0, 81}));
}

TEST(Map, ShiftsClampTheirDistance) {
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kShiftLeft, {1, 1, 1}, {33, -1, 31}),
            (std::vector<int32_t>{INT32_MIN, 1, INT32_MIN}));
  EXPECT_EQ(RunBinary<int32_t>(ExprOp::kShiftRight, {-8, -8, 8}, {33, -1, 31}), (std::vector<int32_t>{-1, -8, 0}));
}

TEST(Map, FloatRemainders) {
  EXPECT_THAT(RunBinary<float>(ExprOp::kFloorMod, {-5, 5, -5, 3, 3}, {3, -3, -3, kInf, -kInf}),
              ElementsAre(1, -1, -2, 3, -kInf));
  EXPECT_THAT(RunBinary<float>(ExprOp::kFloorDiv, {-5, 5, 1}, {3, -3, 0}), ElementsAre(-2, -2, kInf));
}

TEST(Map, NaNs) {
  using ::testing::IsNan;
  EXPECT_THAT(RunBinary<float>(ExprOp::kMax, {kNaN, 1, 2}, {1, kNaN, 3}), ElementsAre(IsNan(), IsNan(), 3));
  EXPECT_THAT(RunBinary<float>(ExprOp::kMin, {kNaN, 1, 2}, {1, kNaN, 3}), ElementsAre(IsNan(), IsNan(), 2));
  EXPECT_THAT(RunBinary<float>(ExprOp::kXlogy, {0, 0, 0, 1}, {0, kNaN, 1, 1}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(RunBinary<float>(ExprOp::kDivNoNan, {1, 0, kNaN}, {0, 0, 0}), ElementsAre(0, 0, 0));
  EXPECT_THAT(RunBinary<float>(ExprOp::kMulNoNan, {kNaN, 1, kInf}, {0, kNaN, 0}), ElementsAre(0, IsNan(), 0));
  for (ExprOp op : {ExprOp::kSign, ExprOp::kRelu, ExprOp::kRound}) {
    const Tensor y = RunOne(OpKind::kMap, Unary(op, DType::kFloat32), {Vector<float>({kNaN, 2.5f})});
    EXPECT_TRUE(std::isnan(y.values<float>()[0])) << Name(op);
  }
}

TEST(Map, RoundsHalvesToEven) {
  const Tensor y = RunOne(OpKind::kMap, Unary(ExprOp::kRound, DType::kFloat32), {Vector<float>({.5, 1.5, 2.5, -2.5})});
  EXPECT_THAT(Values<float>(y), ElementsAre(0, 2, 2, -2));
}

TEST(Map, ActivationsDoNotOverflow) {
  const Tensor x = Vector<double>({-1000, -1, 0, 1, 1000});
  const auto sigmoid = Values<double>(RunOne(OpKind::kMap, Unary(ExprOp::kSigmoid, DType::kFloat64), {x}));
  const auto softplus = Values<double>(RunOne(OpKind::kMap, Unary(ExprOp::kSoftplus, DType::kFloat64), {x}));
  EXPECT_EQ(sigmoid[0], 0);
  EXPECT_DOUBLE_EQ(sigmoid[1], 1 / (1 + std::exp(1.0)));
  EXPECT_EQ(sigmoid[4], 1);
  EXPECT_EQ(softplus[0], 0);
  EXPECT_DOUBLE_EQ(softplus[3], std::log(1 + std::exp(1.0)));
  EXPECT_EQ(softplus[4], 1000);
}

TEST(Map, CastsFloatsOutOfRange) {
  const Tensor x = Vector<float>({1e10f, -1e10f, kNaN, 300.7f, -300.7f, -1.5f});
  const auto cast = [&](DType to) { return RunOne(OpKind::kMap, CastTo(DType::kFloat32, to), {x}); };
  EXPECT_THAT(Values<int32_t>(cast(DType::kInt32)), ElementsAre(INT32_MIN, INT32_MIN, INT32_MIN, 300, -300, -1));
  EXPECT_THAT(Values<int64_t>(cast(DType::kInt64)), ElementsAre(10000000000, -10000000000, INT64_MIN, 300, -300, -1));
  EXPECT_THAT(Values<int8_t>(cast(DType::kInt8)), ElementsAre(0, 0, 0, 44, -44, -1));
  EXPECT_THAT(Values<uint8_t>(cast(DType::kUInt8)), ElementsAre(0, 0, 0, 44, 212, 255));
  EXPECT_THAT(Values<uint64_t>(cast(DType::kUInt64)),
              ElementsAre(10000000000u, 18446744063709551616u, uint64_t{1} << 63, 300, 18446744073709551316u,
                          18446744073709551615u));
  EXPECT_THAT(Values<bool>(cast(DType::kBool)), ElementsAre(true, true, true, true, true, true));
}

TEST(Map, SaturatingCastClamps) {
  Expr e;
  Instr cast;
  cast.op = ExprOp::kSaturatingCast;
  cast.type = DType::kUInt8;
  cast.args[0] = static_cast<int16_t>(e.Input(0, DType::kFloat32));
  e.Append(cast);
  const Tensor y = RunOne(OpKind::kMap, MapAttrs{e}, {Vector<float>({300, -1, 254.9f, kInf})});
  EXPECT_THAT(Values<uint8_t>(y), ElementsAre(255, 0, 254, 255));
}

TEST(Map, Complex) {
  const Tensor x = ComplexTensor({2}, {{3, 4}, {0, 0}});
  const auto abs = RunOne(OpKind::kMap, Unary(ExprOp::kComplexAbs, DType::kComplex128), {x});
  EXPECT_THAT(Values<double>(abs), ElementsAre(5, 0));
  const auto sign = RunOne(OpKind::kMap, Unary(ExprOp::kSign, DType::kComplex128), {x});
  EXPECT_THAT(Values<std::complex<double>>(sign),
              ElementsAre(std::complex<double>(0.6, 0.8), std::complex<double>(0, 0)));
  EXPECT_THAT(ErrorOf(OpKind::kMap, Binary(ExprOp::kMax, DType::kComplex128), {x, x}), HasSubstr("E_DTYPE"));
}

TEST(Map, StringsCompareAndSelect) {
  const Tensor x = Tensor::OfStrings({3}, {"a", "bc", "d"}), y = Tensor::OfStrings({}, {"bc"});
  EXPECT_THAT(Values<bool>(RunOne(OpKind::kMap, Binary(ExprOp::kEqual, DType::kString), {x, y})),
              ElementsAre(false, true, false));
  Expr e;
  const int a = e.Input(1, DType::kString), b = e.Input(2, DType::kString);
  e.Ternary(ExprOp::kSelect, e.Input(0, DType::kBool), a, b);
  const Tensor z = RunOne(OpKind::kMap, MapAttrs{e}, {Bools({true, false, true}), x, y});
  EXPECT_THAT(Values<std::string>(z), ElementsAre("a", "bc", "d"));
}

TEST(Map, RangesTogetherMakeTheWhole) {
  Tensor x = Tensor::Allocate(DType::kFloat32, Shape({7, 5})).value();
  for (int i = 0; i < 35; ++i) x.mutable_values<float>()[i] = static_cast<float>(i);
  const Tensor row = Vector<float>({1, 2, 3, 4, 5});
  const Expr add = Binary(ExprOp::kAdd, DType::kFloat32).expr;
  Tensor whole = Tensor::Allocate(DType::kFloat32, x.shape()).value();
  Tensor parts = Tensor::Allocate(DType::kFloat32, x.shape()).value();
  ASSERT_TRUE(EvaluateExpr(add, {x, row}, &whole).ok());
  for (int begin : {0, 13, 26})
    ASSERT_TRUE(EvaluateExprRange(add, {x, row}, begin, std::min(begin + 13, 35), &parts).ok());
  EXPECT_EQ(Values<float>(whole), Values<float>(parts));
  EXPECT_EQ(whole.values<float>()[34], 39);
}

TEST(Map, RefusesInputsThatDoNotBroadcast) {
  Tensor y = Tensor::Allocate(DType::kFloat32, Shape({2})).value();
  const Expr add = Binary(ExprOp::kAdd, DType::kFloat32).expr;
  const Status status = EvaluateExpr(add, {Vector<float>({1, 2, 3}), Vector<float>({1, 2})}, &y);
  EXPECT_THAT(std::string(status.message()), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
