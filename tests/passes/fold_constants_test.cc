#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class FoldConstantsTest : public PassTest {
 protected:
  // A node that the builder does not fold by itself.
  ValueId AddNode(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, TensorType type) {
    return graph_.node(graph_.AddNode(kind, std::move(attrs), inputs, {type}, "node", "Op")).outputs[0];
  }
  static Attrs Binary(ExprOp op, DType type) {
    Expr e;
    const int a = e.Input(0, type);
    e.Binary(op, a, e.Input(1, type));
    return MapAttrs{e};
  }
};

TEST_F(FoldConstantsTest, ComputesWhatHangsOnConstantsAlone) {
  const ValueId x = Input("x", {4});
  const TensorType type{DType::kFloat32, {4}};
  const ValueId sum = AddNode(OpKind::kMap, Binary(ExprOp::kAdd, DType::kFloat32),
                              {Constant(Shape({4}), 1), Constant(Shape({4}), 2)}, type);
  const ValueId twice = AddNode(OpKind::kMap, Binary(ExprOp::kMul, DType::kFloat32), {sum, sum}, type);
  Output(AddNode(OpKind::kMap, Binary(ExprOp::kSub, DType::kFloat32), {x, twice}, type));
  EXPECT_TRUE(Apply(FoldConstants));
  EXPECT_EQ(graph_.num_nodes(), 1);
  EXPECT_TRUE(graph_.value(OutputNode().inputs[1]).is_constant());
}

TEST_F(FoldConstantsTest, OutputsMayBecomeConstant) {
  const TensorType type{DType::kFloat32, {4}};
  Output(AddNode(OpKind::kMap, Binary(ExprOp::kAdd, DType::kFloat32),
                 {Constant(Shape({4}), 1), Constant(Shape({4}), 2)}, type));
  EXPECT_TRUE(Apply(FoldConstants));
  EXPECT_TRUE(graph_.value(graph_.outputs()[0].value).is_constant());
}

TEST_F(FoldConstantsTest, KnownShapesBecomeConstantAndTellMore) {
  const ValueId x = Input("x", {kUnknownDim, 6});
  const ValueId like = Input("like", {kUnknownDim, 2});
  // Nothing is known of the result yet: the operand is computed.
  const ValueId y = b_.Reshape(x, b_.ShapeOf(like));
  Output(y);
  graph_.value(x).type.shape = {2, 6};
  graph_.value(like).type.shape = {6, 2};
  EXPECT_TRUE(Apply(FoldConstants));
  EXPECT_EQ(Count(OpKind::kShapeOf), 0);
  EXPECT_EQ(graph_.value(graph_.outputs()[0].value).type.shape, PartialShape({6, 2}));
}

TEST_F(FoldConstantsTest, LeavesWhatWouldBloatMemory) {
  const int64_t size = 1 << 20;
  Output(AddNode(OpKind::kBroadcast, NoAttrs{}, {b_.Scalar(DType::kFloat32, 1), b_.Ints({size})},
                 {DType::kFloat32, {size}}));
  EXPECT_FALSE(Apply(FoldConstants));
  EXPECT_EQ(Count(OpKind::kBroadcast), 1);
}

TEST_F(FoldConstantsTest, FoldsLargeConstantsThatDoNotGrow) {
  Output(AddNode(OpKind::kTranspose, NoAttrs{}, {Constant(Shape({1024, 512})), b_.Ints({1, 0})},
                 {DType::kFloat32, {512, 1024}}));
  EXPECT_TRUE(Apply(FoldConstants));
  EXPECT_EQ(graph_.num_nodes(), 0);
}

TEST_F(FoldConstantsTest, KeepsToTheLimit) {
  options_.limits.constant_bytes = 1000;
  Output(AddNode(OpKind::kTranspose, NoAttrs{}, {Constant(Shape({16, 16})), b_.Ints({1, 0})},
                 {DType::kFloat32, {16, 16}}));
  EXPECT_FALSE(Apply(FoldConstants));
}

TEST_F(FoldConstantsTest, LeavesNodesThatFail) {
  const ValueId one = graph_.AddConstant(Tensor::Scalar<int32_t>(1));
  const ValueId zero = graph_.AddConstant(Tensor::Scalar<int32_t>(0));
  const ValueId y = AddNode(OpKind::kMap, Binary(ExprOp::kDiv, DType::kInt32), {one, zero}, {DType::kInt32, Shape()});
  graph_.AddOutput("y", y);
  const StatusOr<bool> changed = FoldConstants(&graph_, options_);
  ASSERT_TRUE(changed.ok());
  EXPECT_FALSE(*changed);
  EXPECT_EQ(graph_.num_nodes(), 1);
}

}  // namespace
}  // namespace moulin::testing
