#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

Tensor Margins(std::vector<int64_t> values) {
  const int64_t axes = static_cast<int64_t>(values.size()) / 2;
  return Ints(std::move(values)).Reshaped({axes, 2});
}

TEST(SpaceToBatchTest, SpreadsBlocks) {
  const Tensor y = RunOne(OpKind::kSpaceToBatch, NoAttrs(), {Iota({1, 2, 4, 1}), Ints({2, 2}), Margins({0, 0, 0, 0})});
  ExpectFloats(y, {4, 1, 2, 1}, {0, 2, 1, 3, 4, 6, 5, 7});
}

TEST(SpaceToBatchTest, PadsWithZeros) {
  const Tensor y = RunOne(OpKind::kSpaceToBatch, NoAttrs(), {Floats({1, 3}, {1, 2, 3}), Ints({2}), Margins({1, 0})});
  ExpectFloats(y, {2, 2}, {0, 2, 1, 3});
}

TEST(BatchToSpaceTest, UndoesSpaceToBatch) {
  const Tensor x = Iota({2, 3, 4, 2});
  const Tensor block = Ints({2, 3}), margins = Margins({1, 0, 1, 1});
  const Tensor spread = RunOne(OpKind::kSpaceToBatch, NoAttrs(), {x, block, margins});
  EXPECT_EQ(spread.shape(), (Shape{12, 2, 2, 2}));
  const Tensor back = RunOne(OpKind::kBatchToSpace, NoAttrs(), {spread, block, margins});
  ASSERT_EQ(back.shape(), x.shape());
  EXPECT_THAT(back.values<float>(), ::testing::ElementsAreArray(x.values<float>()));
}

TEST(SpaceToBatchTest, ChecksOperands) {
  const auto error = [](OpKind kind, std::vector<int64_t> block, std::vector<int64_t> margins) {
    return ErrorOf(kind, NoAttrs(), {Iota({2, 3}), Ints(block), Margins(margins)});
  };
  EXPECT_THAT(error(OpKind::kSpaceToBatch, {2}, {0, 0}), HasSubstr("E_SHAPE: axis 1"));
  EXPECT_THAT(error(OpKind::kSpaceToBatch, {0}, {0, 0}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(OpKind::kSpaceToBatch, {3}, {-1, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(OpKind::kSpaceToBatch, {1, 1}, {0, 0, 0, 0}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(OpKind::kBatchToSpace, {3}, {0, 0}), HasSubstr("E_SHAPE: the batch 2"));
  EXPECT_THAT(error(OpKind::kBatchToSpace, {2}, {4, 3}), HasSubstr("E_SHAPE: crops"));
}

TEST(SpaceToBatchTest, InfersWhatItCan) {
  const Operand x(DType::kFloat32, {kUnknownDim, 4, 3});
  EXPECT_EQ(Inferred(OpKind::kSpaceToBatch, NoAttrs(), {x, Ints({2}), Margins({1, 1})}), "f32[?,3,3]");
  EXPECT_EQ(Inferred(OpKind::kSpaceToBatch, NoAttrs(), {x, {DType::kInt32, {1}}, Margins({1, 1})}), "f32[?,?,?]");
}

TEST(DepthTest, SpaceToDepth) {
  ExpectFloats(RunOne(OpKind::kSpaceToDepth, BlockAttrs{2, true}, {Iota({1, 2, 4, 1})}), {1, 1, 2, 4},
               {0, 1, 4, 5, 2, 3, 6, 7});
  // One channel more: positions in the block are outer, channels inner.
  ExpectFloats(RunOne(OpKind::kSpaceToDepth, BlockAttrs{2, false}, {Iota({1, 2, 2, 2})}), {1, 8, 1, 1},
               {0, 4, 1, 5, 2, 6, 3, 7});
}

TEST(DepthTest, DepthToSpaceUndoesIt) {
  for (const bool channels_last : {true, false}) {
    const Shape shape = channels_last ? Shape{2, 4, 6, 3} : Shape{2, 3, 4, 6};
    const Tensor x = Iota(shape);
    const Tensor deep = RunOne(OpKind::kSpaceToDepth, BlockAttrs{2, channels_last}, {x});
    const Tensor back = RunOne(OpKind::kDepthToSpace, BlockAttrs{2, channels_last}, {deep});
    ASSERT_EQ(back.shape(), shape);
    EXPECT_THAT(back.values<float>(), ::testing::ElementsAreArray(x.values<float>()));
  }
  EXPECT_THAT(ErrorOf(OpKind::kDepthToSpace, BlockAttrs{2, true}, {Iota({1, 1, 1, 6})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kSpaceToDepth, BlockAttrs{0, true}, {Iota({1, 2, 2, 1})}), HasSubstr("E_ATTR"));
}

}  // namespace
}  // namespace moulin::testing
