#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

class InferShapesTest : public PassTest {};

TEST_F(InferShapesTest, LearnsFromInputs) {
  const ValueId x = Input("x", {kUnknownDim, 4});
  const ValueId y = b_.Unary(ExprOp::kRelu, x);
  Output(y);
  EXPECT_FALSE(Apply(InferShapes));
  graph_.value(x).type.shape = {7, 4};
  EXPECT_TRUE(Apply(InferShapes));
  EXPECT_EQ(graph_.value(y).type.shape, PartialShape({7, 4}));
}

TEST_F(InferShapesTest, KeepsWhatWasDeclared) {
  const ValueId x = Input("x", PartialShape::UnknownRank());
  const ValueId y = b_.Unary(ExprOp::kRelu, x);
  Output(y);
  graph_.value(y).type.shape = {kUnknownDim, 4};
  EXPECT_FALSE(*InferShapes(&graph_, options_));
  EXPECT_EQ(graph_.value(y).type.shape, PartialShape({kUnknownDim, 4}));
}

TEST_F(InferShapesTest, NamesTheNodeOfAContradiction) {
  const ValueId x = Input("x", {2, 4});
  b_.SetOrigin("block/relu", "Relu");
  const ValueId y = b_.Unary(ExprOp::kRelu, x);
  Output(y);
  graph_.value(y).type.shape = {2, 5};
  const Status status = InferShapes(&graph_, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("E_SHAPE"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("block/relu"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected [2,5], found [2,4]"));
}

}  // namespace
}  // namespace moulin::testing
