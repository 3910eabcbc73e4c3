#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class CommonSubexpressionsTest : public PassTest {};

TEST_F(CommonSubexpressionsTest, MergesEqualNodes) {
  const ValueId x = Input("x", {4});
  const ValueId a = b_.Unary(ExprOp::kExp, b_.Unary(ExprOp::kNeg, x));
  const ValueId b = b_.Unary(ExprOp::kExp, b_.Unary(ExprOp::kNeg, x));
  Output(a, "a");
  Output(b, "b");
  EXPECT_TRUE(Apply(MergeCommonSubexpressions));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(CommonSubexpressionsTest, MergesEqualConstants) {
  const ValueId x = Input("x", {4});
  Output(b_.Binary(ExprOp::kAdd, x, Constant(Shape({4}), 1)), "a");
  Output(b_.Binary(ExprOp::kAdd, x, Constant(Shape({4}), 1)), "b");
  Output(b_.Binary(ExprOp::kAdd, x, Constant(Shape({4}), 2)), "c");
  EXPECT_TRUE(Apply(MergeCommonSubexpressions));
  EXPECT_EQ(graph_.num_nodes(), 2);
}

TEST_F(CommonSubexpressionsTest, LooksAtAttributes) {
  const ValueId x = Input("x", {2, 4});
  Output(b_.Reduce(ReduceOp::kSum, x, {1}, true), "a");
  Output(b_.Reduce(ReduceOp::kMax, x, {1}, true), "b");
  Output(b_.Reduce(ReduceOp::kSum, x, {1}, false), "c");
  EXPECT_TRUE(Apply(MergeCommonSubexpressions));  // the constants of the axes
  EXPECT_EQ(graph_.num_nodes(), 3);
}

// Close enough to look alike when printed.
TEST_F(CommonSubexpressionsTest, LooksAtEveryBitOfNumbers) {
  const ValueId x = Input("x", {2, 4});
  const ValueId scale = Constant(Shape({4}), 1);
  Output(b_.Add(OpKind::kLayerNorm, LayerNormAttrs{1e-5}, {x, scale, scale}), "a");
  Output(b_.Add(OpKind::kLayerNorm, LayerNormAttrs{1.00000001e-5}, {x, scale, scale}), "b");
  Expr zero, minus_zero;
  zero.Binary(ExprOp::kMul, zero.Input(0, DType::kFloat32), zero.Constant(DType::kFloat32, 0.0));
  minus_zero.Binary(ExprOp::kMul, minus_zero.Input(0, DType::kFloat32), minus_zero.Constant(DType::kFloat32, -0.0));
  Output(b_.Map(zero, {x}), "c");
  Output(b_.Map(minus_zero, {x}), "d");
  EXPECT_FALSE(Apply(MergeCommonSubexpressions));
  EXPECT_EQ(graph_.num_nodes(), 4);
}

// What a graph within a node draws at random differs from run to run.
TEST_F(CommonSubexpressionsTest, LeavesChoicesAndLoops) {
  auto branch = std::make_shared<Graph>();
  branch->AddOutput("", branch->AddInput("x", {DType::kFloat32, PartialShape({4})}));
  const ValueId x = Input("x", {4}), index = Input("index", Shape(), DType::kInt32);
  const CaseAttrs choice{{branch, branch}};
  Output(b_.Add(OpKind::kCase, choice, {index, x}), "a");
  Output(b_.Add(OpKind::kCase, choice, {index, x}), "b");
  const StatusOr<bool> changed = MergeCommonSubexpressions(&graph_, options_);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(graph_.num_nodes(), 2);
}

}  // namespace
}  // namespace moulin::testing
