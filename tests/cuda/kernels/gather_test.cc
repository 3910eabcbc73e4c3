// Gather, GatherNd and OneHot against the reference, for every size of element and every type of index.
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

const DType kSizes[] = {DType::kBool, DType::kBFloat16, DType::kFloat32, DType::kFloat64, DType::kComplex128};
const DType kIndexTypes[] = {DType::kInt32, DType::kInt64};

class GatherTest : public ::testing::TestWithParam<DType> {
 protected:
  Tensor X(const Shape& shape) const { return RandomTensor(GetParam(), shape); }
};
INSTANTIATE_TEST_SUITE_P(Sizes, GatherTest, ::testing::ValuesIn(kSizes),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(GatherTest, Gather) {
  const auto check = [&](const Shape& x, const Shape& indices, int64_t axis, int64_t batch_dims = 0) {
    const int a = static_cast<int>(axis < 0 ? axis + x.rank() : axis);
    for (DType type : kIndexTypes) {
      ExpectOpMatches(OpKind::kGather, GatherAttrs{batch_dims},
                      {X(x), RandomIntegers(type, indices, 0, x[a]), Tensor::Scalar<int32_t>(static_cast<int>(axis))});
    }
  };
  check({100, 16}, {7}, 0);
  check({100, 16}, {3, 5}, 0);
  check({10, 7}, {}, 0);
  check({4, 50, 3}, {9}, 1);
  check({4, 5, 30}, {2, 40}, -1);
  check({3, 20, 5}, {3, 6}, 1, 1);
  check({2, 3, 8, 16}, {2, 5}, 2, 1);
  check({2, 3, 8}, {2, 3, 4}, 2, -1);
  check({5, 4}, {0}, 0);
}

TEST_P(GatherTest, GatherNd) {
  for (DType type : kIndexTypes) {
    const auto zeros_or_ones = [&](const Shape& shape) { return RandomIntegers(type, shape, 0, 2); };
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs(), {X({2, 3, 16}), zeros_or_ones({7, 2})});
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs(), {X({2, 3, 5}), zeros_or_ones({4, 3, 3})});
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs(), {X({2, 5}), zeros_or_ones({1})});
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs(), {X({2, 5}), zeros_or_ones({3, 0})});
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs{1}, {X({3, 2, 4}), zeros_or_ones({3, 5, 1})});
    ExpectOpMatches(OpKind::kGatherNd, GatherAttrs{2}, {X({2, 3, 4}), zeros_or_ones({2, 3, 5, 1})});
  }
}

TEST_P(GatherTest, OneHot) {
  const Tensor on = RandomTensor(GetParam(), {}, 3), off = RandomTensor(GetParam(), {}, 4);
  for (DType type : {DType::kUInt8, DType::kInt8, DType::kInt32, DType::kInt64}) {
    for (int64_t axis : {-1, 0, 1}) {
      const int64_t low = type == DType::kUInt8 ? 0 : -2;  // some outside [0, depth)
      ExpectOpMatches(OpKind::kOneHot, OneHotAttrs{axis},
                      {RandomIntegers(type, {5, 70}, low, 9), Tensor::Scalar<int32_t>(7), on, off});
    }
  }
  ExpectOpMatches(OpKind::kOneHot, OneHotAttrs(), {Tensor::Scalar<int32_t>(2), Tensor::Scalar<int32_t>(4), on, off});
  ExpectOpMatches(OpKind::kOneHot, OneHotAttrs(),
                  {RandomIntegers(DType::kInt32, {3}, 0, 2), Tensor::Scalar<int32_t>(0), on, off});
}

// The reference refuses indices out of range; on a GPU they give zeros, and lead nowhere else.
TEST(GatherRangeTest, IndicesOutOfRangeGiveZeros) {
  const Tensor x = RandomIntegers(DType::kFloat32, {4, 3}, 1, 9);
  const int64_t far = int64_t{1} << 61;
  const Tensor indices = Tensor::Of<int64_t>({6}, {1, -1, 4, far, -far, 3});
  const Tensor axis = Tensor::Scalar<int32_t>(0);
  Graph graph = OneNodeGraph(OpKind::kGather, GatherAttrs(), {x, indices, axis}, Input(2));
  StatusOr<std::vector<Tensor>> got = RunOnEmulator(graph, {x, indices});
  ASSERT_TRUE(got.ok()) << got.status();
  for (int64_t i = 0; i < 6; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      const float expected = i == 0 ? x.values<float>()[3 + j] : i == 5 ? x.values<float>()[9 + j] : 0.0f;
      EXPECT_EQ((*got)[0].values<float>()[i * 3 + j], expected);
    }
  }
  const Tensor pairs = Tensor::Of<int64_t>({4, 2}, {1, 2, 4, 0, 0, -1, far, far});
  graph = OneNodeGraph(OpKind::kGatherNd, GatherAttrs(), {x, pairs}, 0);
  got = RunOnEmulator(graph, {x, pairs});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT((*got)[0].values<float>(), ::testing::ElementsAre(x.values<float>()[5], 0, 0, 0));
}

}  // namespace
}  // namespace moulin::cuda
