#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class DeadCodeTest : public PassTest {};

TEST_F(DeadCodeTest, DropsWhatNoOutputNeeds) {
  const ValueId x = Input("x", {4});
  Input("unread", {4});
  b_.Unary(ExprOp::kExp, b_.Binary(ExprOp::kAdd, x, Constant(Shape({4}))));
  Output(b_.Unary(ExprOp::kRelu, x));
  EXPECT_TRUE(Apply(EliminateDeadCode));
  EXPECT_EQ(graph_.num_nodes(), 1);
  EXPECT_EQ(graph_.num_values(), 3);  // the inputs and the output
  EXPECT_EQ(graph_.inputs().size(), 2u);
}

TEST_F(DeadCodeTest, DoesNothingWhereAllIsNeeded) {
  Output(b_.Unary(ExprOp::kRelu, Input("x", {4})));
  EXPECT_FALSE(Apply(EliminateDeadCode));
}

}  // namespace
}  // namespace moulin::testing
