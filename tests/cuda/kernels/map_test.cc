// Maps by the interpreter; generated ones are in tests/cuda/codegen.
#include "codegen/expr_cases.h"
#include "cuda/kernels/map_interpreter.h"

namespace moulin::cuda {
namespace {

void ExpectAllMatch(const std::vector<ExprCase>& cases) {
  for (const ExprCase& c : cases) {
    SCOPED_TRACE(c.name);
    ExpectMatchesReference(GraphOf(c), c.inputs);
  }
}

TEST(MapKernel, EveryOperationOnEveryType) { ExpectAllMatch(AllOpCases()); }

TEST(MapKernel, EveryFormOfBroadcasting) { ExpectAllMatch(AllBroadcastCases()); }

TEST(MapKernel, ManyBlocks) {
  ExpectAllMatch({BroadcastCase(DType::kFloat32, {Shape{300, 257}, Shape{257}, Shape{}})});
}

TEST(MapKernel, SlotsAreUsedAgain) {
  Expr expr;  // 80 instructions, of which few are needed at a time
  int x = expr.Input(0, DType::kInt32);
  const int y = expr.Input(1, DType::kInt32);
  for (int i = 0; i < 78; ++i) x = expr.Binary(i % 3 == 0 ? ExprOp::kMul : ExprOp::kAdd, x, i % 2 == 0 ? y : x);
  ExpectMatchesReference(
      GraphOf({"", expr, {RandomTensor(DType::kInt32, Shape{9}), RandomTensor(DType::kInt32, Shape{9})}}),
      {RandomTensor(DType::kInt32, Shape{9}, 1), RandomTensor(DType::kInt32, Shape{9}, 2)});
}

TEST(MapKernel, ConstantsOfEveryType) {
  for (const DType type : RealTypes()) {
    SCOPED_TRACE(Name(type));
    Expr expr;
    const int x = expr.Input(0, type);
    const int c = type == DType::kBool ? expr.IntConstant(type, 1) : expr.Constant(type, IsFloating(type) ? -0.1 : 5);
    expr.Ternary(ExprOp::kSelect, expr.Binary(ExprOp::kEqual, x, x), c, x);
    ExpectMatchesReference(GraphOf({"", expr, {RandomTensor(type, Shape{5})}}), {RandomTensor(type, Shape{5})});
  }
}

TEST(MapKernel, WhatIsNotCoveredIsTheHosts) {
  Expr complex;
  complex.Unary(ExprOp::kNeg, complex.Input(0, DType::kComplex64));
  EXPECT_FALSE(HasKernel(OpKind::kMap, MapAttrs{complex}, {Tensor::Allocate(DType::kComplex64, Shape{2}).value()}));
  Expr long_one;
  int x = long_one.Input(0, DType::kFloat32);
  for (int i = 0; i < kMaxTapeInstrs; ++i) x = long_one.Binary(ExprOp::kAdd, x, x);
  EXPECT_FALSE(HasKernel(OpKind::kMap, MapAttrs{long_one}, {RandomTensor(DType::kFloat32, Shape{2})}));
}

TEST(MapKernel, DivisionByZeroGivesZero) {
  Expr expr;
  expr.Binary(ExprOp::kFloorDiv, expr.Input(0, DType::kInt32), expr.Input(1, DType::kInt32));
  const Tensor x = Tensor::Of<int32_t>(Shape{3}, {7, -7, 5}), y = Tensor::Of<int32_t>(Shape{3}, {0, 2, 0});
  const auto got = RunOnEmulator(GraphOf({"", expr, {x, y}}), {x, y});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT((*got)[0].values<int32_t>(), ::testing::ElementsAre(0, -4, 0));
}

}  // namespace
}  // namespace moulin::cuda
