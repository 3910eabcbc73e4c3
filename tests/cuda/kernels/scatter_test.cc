// ScatterNd, TensorScatter and SegmentReduce against the reference: equal bits, since the order is the same.
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

class ScatterTest : public ::testing::TestWithParam<DType> {
 protected:
  Tensor X(const Shape& shape, uint64_t seed = 1) const { return RandomTensor(GetParam(), shape, seed); }
};
INSTANTIATE_TEST_SUITE_P(Types, ScatterTest, ::testing::ValuesIn(RealTypes()),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(ScatterTest, ScatterNd) {
  for (DType type : {DType::kInt32, DType::kInt64}) {
    const auto indices = [&](const Shape& shape) { return RandomIntegers(type, shape, 0, 3, 5); };
    const auto check = [&](const Tensor& where, const Shape& updates, std::vector<int64_t> shape) {
      const Tensor size = Tensor::Of<int64_t>({static_cast<int64_t>(shape.size())}, shape);
      ExpectOpMatches(OpKind::kScatterNd, ScatterAttrs{ScatterOp::kAdd}, {where, X(updates), size});
    };
    check(indices({40, 1}), {40, 7}, {6, 7});  // many to one place
    check(indices({5, 2}), {5, 3}, {3, 3, 3});
    check(indices({2, 4, 3}), {2, 4}, {3, 4, 5});
    check(indices({0, 1}), {0, 4}, {3, 4});
  }
}

TEST_P(ScatterTest, TensorScatter) {
  for (ScatterOp op : {ScatterOp::kAdd, ScatterOp::kSub, ScatterOp::kUpdate, ScatterOp::kMin, ScatterOp::kMax}) {
    if (GetParam() == DType::kBool && op == ScatterOp::kSub) continue;
    const Tensor rows = RandomIntegers(DType::kInt32, {300, 1}, 0, 20, 3);
    ExpectOpMatches(OpKind::kTensorScatter, ScatterAttrs{op}, {X({21, 5}), rows, X({300, 5}, 2)});
    const Tensor places = RandomIntegers(DType::kInt64, {9, 2}, 0, 3, 4);
    ExpectOpMatches(OpKind::kTensorScatter, ScatterAttrs{op}, {X({3, 4}), places, X({9}, 2)});
    const Tensor all = RandomIntegers(DType::kInt64, {2, 0}, 0, 3, 4);
    ExpectOpMatches(OpKind::kTensorScatter, ScatterAttrs{op}, {X({6}), all, X({2, 6}, 2)});
  }
}

TEST_P(ScatterTest, SegmentReduce) {
  if (GetParam() == DType::kBool) return;  // no type of SegmentReduce
  for (SegmentOp op : {SegmentOp::kSum, SegmentOp::kMean, SegmentOp::kProd, SegmentOp::kMax, SegmentOp::kMin}) {
    const Tensor segments = Tensor::Scalar<int32_t>(9);
    // Segment 8 and some of the others have no rows; negative ids are dropped.
    const Tensor ids = RandomIntegers(DType::kInt32, {60}, -2, 8, 3);
    ExpectOpMatches(OpKind::kSegmentReduce, SegmentReduceAttrs{op, /*sorted=*/false}, {X({60, 7}), ids, segments});
    const Tensor grid = RandomIntegers(DType::kInt64, {4, 5}, 0, 9, 3);
    ExpectOpMatches(OpKind::kSegmentReduce, SegmentReduceAttrs{op, /*sorted=*/false}, {X({4, 5, 3}), grid, segments});
    const Tensor sorted = Tensor::Of<int32_t>({6}, {0, 0, 1, 4, 4, 4});
    ExpectOpMatches(OpKind::kSegmentReduce, SegmentReduceAttrs{op, /*sorted=*/true}, {X({6, 3}), sorted}, 0, Input(1));
  }
}

TEST(ScatterRangeTest, IndicesOutOfRangeAreDropped) {
  const int64_t far = int64_t{1} << 61;
  const Tensor x = Tensor::Of<float>({3}, {1, 2, 3});
  const Tensor where = Tensor::Of<int64_t>({5, 1}, {0, -1, 3, far, 2});
  const Tensor updates = Tensor::Of<float>({5}, {10, 20, 30, 40, 50});
  Graph graph = OneNodeGraph(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kAdd}, {x, where, updates}, 0);
  StatusOr<std::vector<Tensor>> got = RunOnEmulator(graph, {x, where, updates});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT((*got)[0].values<float>(), ::testing::ElementsAre(11, 2, 53));
  const Tensor ids = Tensor::Of<int64_t>({5}, {1, -far, 2, far, 1});
  graph = OneNodeGraph(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false},
                       {updates, ids, Tensor::Scalar<int32_t>(2)}, Input(2));
  got = RunOnEmulator(graph, {updates, ids});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT((*got)[0].values<float>(), ::testing::ElementsAre(0, 60));
}

}  // namespace
}  // namespace moulin::cuda
