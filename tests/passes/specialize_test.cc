#include "passes/specialize.h"

#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

class SpecializeTest : public PassTest {};

TEST_F(SpecializeTest, MakesEveryShapeConcrete) {
  const ValueId x = Input("x", {kUnknownDim, 4, 4});
  // [batch, -1], as Flatten computes it.
  const ValueId batch = b_.Add(OpKind::kSlice, NoAttrs{}, {b_.ShapeOf(x), b_.Ints({0}), b_.Ints({1})});
  Output(b_.Reshape(x, b_.Concat({batch, b_.Ints({-1})}, 0)));
  const auto special = Specialize(graph_, {{Shape({8, 4, 4})}}, options_);
  ASSERT_TRUE(special.ok()) << special.status();
  EXPECT_EQ((*special)->num_nodes(), 1);
  EXPECT_EQ((*special)->value((*special)->outputs()[0].value).type.shape, PartialShape({8, 16}));
  // The original is as it was.
  EXPECT_EQ(graph_.value(x).type.shape, PartialShape({kUnknownDim, 4, 4}));
}

TEST_F(SpecializeTest, SaysWhichInputDoesNotFit) {
  Output(b_.Unary(ExprOp::kRelu, Input("image", {kUnknownDim, 28, 28, 1})));
  const Status status = Specialize(graph_, {{Shape({2, 28, 27, 1})}}, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("E_SHAPE: input \"image\": expected f32[?,28,28,1], found f32[2,28,27,1]"));
}

TEST_F(SpecializeTest, NamesTheNodeWhereInputsDoNotFitEachOther) {
  const ValueId x = Input("x", {kUnknownDim});
  const ValueId y = Input("y", {kUnknownDim});
  b_.SetOrigin("sum", "AddV2");
  Output(b_.Binary(ExprOp::kAdd, x, y));
  const Status status = Specialize(graph_, {{Shape({2})}, {Shape({3})}}, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"sum\""));
}

TEST_F(SpecializeTest, BuildsValuesIn) {
  const ValueId x = Input("x", {6});
  const ValueId shape = Input("shape", {2}, DType::kInt32);
  Output(b_.Reshape(x, shape));
  const Tensor value = Tensor::Of<int32_t>(Shape({2}), {3, 2});
  const auto special = Specialize(graph_, {{Shape({6})}, {Shape({2}), &value}}, options_);
  ASSERT_TRUE(special.ok()) << special.status();
  EXPECT_EQ((*special)->value((*special)->outputs()[0].value).type.shape, PartialShape({3, 2}));
  ASSERT_EQ((*special)->inputs().size(), 2u);
  EXPECT_EQ((*special)->value((*special)->inputs()[1]).name(), "shape");
}

}  // namespace
}  // namespace moulin::testing
