#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor GatherOne(const Tensor& x, const Tensor& indices, int64_t axis, int64_t batch_dims = 0) {
  return RunOne(OpKind::kGather, GatherAttrs{batch_dims}, {x, indices, Int(axis)});
}

TEST(GatherTest, TakesRowsAndColumns) {
  ExpectFloats(GatherOne(Iota({3, 2}), Ints({2, 0}), 0), {2, 2}, {4, 5, 0, 1});
  ExpectFloats(GatherOne(Iota({2, 3}), Ints({2, 2}), -1), {2, 2}, {2, 2, 5, 5});
  ExpectFloats(GatherOne(Iota({2, 3}), Int(1), 1), {2}, {1, 4});
}

TEST(GatherTest, BatchAxesPairUp) {
  const Tensor indices = Ints({2, 0, 1, 1}).Reshaped({2, 2});
  ExpectFloats(GatherOne(Iota({2, 3}), indices, 1, 1), {2, 2}, {2, 0, 4, 4});
  ExpectFloats(GatherOne(Iota({2, 2, 2}), Ints({1, 0}).Reshaped({2, 1}), 2, -1), {2, 2, 1}, {1, 3, 4, 6});
}

TEST(GatherTest, ReportsIndicesOutOfBounds) {
  EXPECT_THAT(ErrorOf(OpKind::kGather, GatherAttrs(), {Iota({3}), Ints({0, 3}), Int(0)}),
              HasSubstr("E_VALUE: index 1 = 3 is outside [0, 3)"));
  EXPECT_THAT(ErrorOf(OpKind::kGather, GatherAttrs(), {Iota({3}), Ints({-1}), Int(0)}), HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kGather, GatherAttrs{1}, {Iota({2, 3}), Ints({0, 0, 0}).Reshaped({3, 1}), Int(1)}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kGather, GatherAttrs{1}, {Iota({2, 3}), Ints({0, 0}), Int(0)}), HasSubstr("E_ATTR"));
}

TEST(GatherTest, EmptyResults) {
  ExpectFloats(GatherOne(Iota({3, 2}), Ints({}), 0), {0, 2}, {});
  ExpectFloats(GatherOne(Iota({3, 0}), Ints({1}), 0), {1, 0}, {});
}

TEST(GatherNdTest, IndexesByCoordinates) {
  const Tensor indices = Ints({1, 1, 0, 2}).Reshaped({2, 2});
  ExpectFloats(RunOne(OpKind::kGatherNd, GatherAttrs(), {Iota({2, 3}), indices}), {2}, {4, 2});
  ExpectFloats(RunOne(OpKind::kGatherNd, GatherAttrs(), {Iota({2, 3}), Ints({1}).Reshaped({1, 1})}), {1, 3}, {3, 4, 5});
  ExpectFloats(RunOne(OpKind::kGatherNd, GatherAttrs{1}, {Iota({2, 3}), Ints({2, 0}).Reshaped({2, 1})}), {2}, {2, 3});
  EXPECT_THAT(ErrorOf(OpKind::kGatherNd, GatherAttrs(), {Iota({2, 3}), Ints({1, 3}).Reshaped({1, 2})}),
              HasSubstr("E_VALUE: index 0 = [1,3] is out of bounds for sizes [2,3]"));
  EXPECT_THAT(ErrorOf(OpKind::kGatherNd, GatherAttrs(), {Iota({3}), Ints({1, 3}).Reshaped({1, 2})}),
              HasSubstr("E_SHAPE"));
}

TEST(ScatterNdTest, AddsDuplicates) {
  const Tensor indices = Ints({1, 3, 1}).Reshaped({3, 1});
  ExpectFloats(RunOne(OpKind::kScatterNd, ScatterAttrs(), {indices, Floats({3}, {1, 2, 4}), Ints({4})}), {4},
               {0, 5, 0, 2});
  EXPECT_THAT(ErrorOf(OpKind::kScatterNd, ScatterAttrs(), {indices, Floats({3}, {1, 2, 4}), Ints({3})}),
              HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kScatterNd, ScatterAttrs(), {indices, Floats({2}, {1, 2}), Ints({4})}),
              HasSubstr("E_SHAPE"));
}

TEST(TensorScatterTest, Operations) {
  const Tensor indices = Ints({0, 0}).Reshaped({2, 1});
  const auto run = [&](ScatterOp op) {
    return RunOne(OpKind::kTensorScatter, ScatterAttrs{op}, {Floats({2}, {5, 6}), indices, Floats({2}, {2, 9})});
  };
  ExpectFloats(run(ScatterOp::kAdd), {2}, {16, 6});
  ExpectFloats(run(ScatterOp::kSub), {2}, {-6, 6});
  ExpectFloats(run(ScatterOp::kUpdate), {2}, {9, 6});
  ExpectFloats(run(ScatterOp::kMin), {2}, {2, 6});
  ExpectFloats(run(ScatterOp::kMax), {2}, {9, 6});
}

TEST(TensorScatterTest, UpdatesSlicesAndStrings) {
  const Tensor y = RunOne(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kUpdate},
                          {Iota({2, 2}), Ints({1}).Reshaped({1, 1}), Floats({1, 2}, {8, 9})});
  ExpectFloats(y, {2, 2}, {0, 1, 8, 9});
  const Tensor s =
      RunOne(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kUpdate},
             {Tensor::OfStrings({2}, {"a", "b"}), Ints({1}).Reshaped({1, 1}), Tensor::OfStrings({1}, {"z"})});
  EXPECT_THAT(s.strings(), ElementsAre("a", "z"));
}

TEST(OneHotTest, PlacesTheDepthAxis) {
  const std::vector<Tensor> inputs = {Ints({1, -1, 2}), Int(3), Floats({}, {5}), Floats({}, {0})};
  ExpectFloats(RunOne(OpKind::kOneHot, OneHotAttrs{-1}, inputs), {3, 3}, {0, 5, 0, 0, 0, 0, 0, 0, 5});
  ExpectFloats(RunOne(OpKind::kOneHot, OneHotAttrs{0}, inputs), {3, 3}, {0, 0, 0, 5, 0, 0, 0, 0, 5});
  EXPECT_THAT(ErrorOf(OpKind::kOneHot, OneHotAttrs{2}, inputs), HasSubstr("E_ATTR"));
}

TEST(OneHotTest, BoundsTheDepth) {
  const auto error = [](int64_t depth) {
    return ErrorOf(OpKind::kOneHot, OneHotAttrs{-1}, {Ints({1}), Int(depth), Floats({}, {1}), Floats({}, {0})});
  };
  EXPECT_THAT(error(int64_t{1} << 40), HasSubstr("E_LIMIT"));
  EXPECT_THAT(error(-1), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
