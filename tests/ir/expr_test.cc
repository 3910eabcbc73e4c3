#include "ir/expr.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

Expr Relu6() {
  Expr e;
  const int x = e.Input(0, DType::kFloat32);
  const int low = e.Binary(ExprOp::kMax, x, e.Constant(DType::kFloat32, 0));
  e.Binary(ExprOp::kMin, low, e.Constant(DType::kFloat32, 6));
  return e;
}

TEST(ExprTest, BuildsAndPrints) {
  const Expr e = Relu6();
  EXPECT_TRUE(e.Verify(1).ok());
  EXPECT_EQ(e.ToString(), "Min(Max($0, 0), 6)");
  EXPECT_EQ(e.num_inputs(), 1);
  EXPECT_EQ(e.result_type(), DType::kFloat32);
}

TEST(ExprTest, PrintsWhatIsReadTwiceOnce) {
  Expr e;
  const int y = e.Unary(ExprOp::kExp, e.Input(0, DType::kFloat32));
  e.Binary(ExprOp::kMul, y, y);
  EXPECT_EQ(e.ToString(), "t1 = Exp($0); Mul(t1, t1)");
}

TEST(ExprTest, ComparisonsGiveBoolAndSelectTakesIt) {
  Expr e;
  const int x = e.Input(0, DType::kInt32);
  const int y = e.Input(1, DType::kInt32);
  const int less = e.Binary(ExprOp::kLess, x, y);
  e.Ternary(ExprOp::kSelect, less, x, y);
  EXPECT_EQ(e[less].type, DType::kBool);
  EXPECT_EQ(e.result_type(), DType::kInt32);
  EXPECT_TRUE(e.Verify(2).ok());
}

TEST(ExprTest, ComplexPartsHaveTheirOwnType) {
  EXPECT_EQ(ResultType(ExprOp::kReal, DType::kComplex64), DType::kFloat32);
  EXPECT_EQ(ResultType(ExprOp::kComplexAbs, DType::kComplex128), DType::kFloat64);
  EXPECT_EQ(ResultType(ExprOp::kComplex, DType::kFloat64), DType::kComplex128);
}

TEST(ExprTest, SubstitutionFusesTwoExpressions) {
  Expr sum;  // $0 + relu6($1)
  const int a = sum.Input(0, DType::kFloat32);
  const int b = sum.AppendRenumbered(Relu6(), {1});
  sum.Binary(ExprOp::kAdd, a, b);
  EXPECT_EQ(sum.ToString(), "Add($0, Min(Max($1, 0), 6))");
  EXPECT_TRUE(sum.Verify(2).ok());
  EXPECT_FALSE(sum.Verify(1).ok()) << "input 1 does not exist";
}

TEST(ExprTest, SetResultDropsAndMerges) {
  Expr e;
  const int x = e.Input(0, DType::kFloat32);
  const int unused = e.Unary(ExprOp::kExp, x);
  const int c1 = e.Constant(DType::kFloat32, 2);
  const int c2 = e.Constant(DType::kFloat32, 2);
  const int p = e.Binary(ExprOp::kMul, x, c1);
  const int q = e.Binary(ExprOp::kMul, x, c2);
  const int r = e.Binary(ExprOp::kAdd, p, q);
  (void)unused;
  e.SetResult(r);
  EXPECT_EQ(e.size(), 4);  // input, constant, product, sum
  EXPECT_EQ(e.ToString(), "t2 = Mul($0, 2); Add(t2, t2)");
}

TEST(ExprTest, VerifyNamesWhatIsWrong) {
  Expr mixed;
  const int x = mixed.Input(0, DType::kFloat32);
  const int y = mixed.Input(1, DType::kInt32);
  mixed.Binary(ExprOp::kAdd, x, y);
  EXPECT_NE(mixed.Verify(2).message().find("different types"), absl::string_view::npos);

  Expr forward;
  Instr instr;
  instr.op = ExprOp::kNeg;
  instr.type = DType::kFloat32;
  instr.args[0] = 0;  // itself
  forward.Append(instr);
  EXPECT_NE(forward.Verify(1).message().find("out of range"), absl::string_view::npos);
  EXPECT_FALSE(Expr().Verify(0).ok());
}

TEST(ExprTest, EveryOpHasANameAndOperands) {
  EXPECT_EQ(Name(ExprOp::kInput), "Input");
  EXPECT_EQ(Name(ExprOp::kComplexAbs), "ComplexAbs");
  EXPECT_EQ(NumOperands(ExprOp::kSelect), 3);
  EXPECT_EQ(NumOperands(ExprOp::kBetainc), 3);
}

}  // namespace
}  // namespace moulin
