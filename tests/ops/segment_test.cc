#include <limits>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Sorted(SegmentOp op) {
  const Tensor x = Tensor::Of<float>({3, 2}, {1, 5, 2, 4, 3, 3});
  return Values<float>(RunOne(OpKind::kSegmentReduce, SegmentReduceAttrs{op}, {x, Vector<int32_t>({0, 0, 2})}));
}

TEST(SegmentReduce, SortedWithAGap) {
  EXPECT_THAT(Sorted(SegmentOp::kSum), ElementsAre(3, 9, 0, 0, 3, 3));
  EXPECT_THAT(Sorted(SegmentOp::kMean), ElementsAre(1.5f, 4.5f, 0, 0, 3, 3));
  EXPECT_THAT(Sorted(SegmentOp::kProd), ElementsAre(2, 20, 1, 1, 3, 3));
  EXPECT_THAT(Sorted(SegmentOp::kMax), ElementsAre(2, 5, 0, 0, 3, 3));
  EXPECT_THAT(Sorted(SegmentOp::kMin), ElementsAre(1, 4, 0, 0, 3, 3));
}

TEST(SegmentReduce, UnsortedDropsNegativeIds) {
  const Tensor x = Vector<int32_t>({7, 2, 9, 4});
  const auto run = [&](SegmentOp op) {
    return Values<int32_t>(RunOne(OpKind::kSegmentReduce, SegmentReduceAttrs{op, false},
                                  {x, Vector<int64_t>({2, 0, -1, 2}), Tensor::Scalar<int32_t>(4)}));
  };
  constexpr int32_t kLow = std::numeric_limits<int32_t>::lowest(), kHigh = std::numeric_limits<int32_t>::max();
  EXPECT_THAT(run(SegmentOp::kSum), ElementsAre(2, 0, 11, 0));
  EXPECT_THAT(run(SegmentOp::kProd), ElementsAre(2, 1, 28, 1));
  EXPECT_THAT(run(SegmentOp::kMax), ElementsAre(2, kLow, 7, kLow));
  EXPECT_THAT(run(SegmentOp::kMin), ElementsAre(2, kHigh, 4, kHigh));
}

TEST(SegmentReduce, IdsOfHigherRank) {
  const Tensor x = Tensor::Of<float>({2, 2, 1}, {1, 2, 3, 4});
  const Tensor ids = Tensor::Of<int32_t>({2, 2}, {1, 0, 1, 1});
  const Tensor y =
      RunOne(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false}, {x, ids, Tensor::Scalar<int32_t>(2)});
  EXPECT_EQ(y.shape(), Shape({2, 1}));
  EXPECT_THAT(Values<float>(y), ElementsAre(2, 8));
}

TEST(SegmentReduce, BadIds) {
  const Tensor x = Vector<float>({1, 2, 3});
  const auto sorted = [&](std::vector<int32_t> ids) {
    return ErrorOf(OpKind::kSegmentReduce, SegmentReduceAttrs{}, {x, Vector<int32_t>(ids)});
  };
  EXPECT_THAT(sorted({0, 2, 1}), HasSubstr("E_VALUE: segment ids must ascend, got 1 after 2 at 2"));
  EXPECT_THAT(sorted({-1, 0, 1}), HasSubstr("E_VALUE"));
  EXPECT_THAT(sorted({0, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kSegmentReduce, SegmentReduceAttrs{}, {x, Vector<int64_t>({0, 1, INT64_MAX})}),
              HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kSegmentReduce, SegmentReduceAttrs{}, {x, Vector<int64_t>({0, 1, INT64_MAX / 2})}),
              HasSubstr("E_"));
  EXPECT_THAT(ErrorOf(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false},
                      {x, Vector<int32_t>({0, 9, 1}), Tensor::Scalar<int32_t>(5)}),
              HasSubstr("E_VALUE: segment id 9 at 1"));
}

TEST(SegmentReduce, Infers) {
  EXPECT_EQ(Inferred(OpKind::kSegmentReduce, SegmentReduceAttrs{}, {{DType::kFloat32, {5, -1}}, {DType::kInt32, {5}}}),
            "f32[?,?]");
  EXPECT_EQ(Inferred(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false},
                     {{DType::kFloat32, {5, 3}}, {DType::kInt32, {-1}}, Tensor::Scalar<int64_t>(7)}),
            "f32[7,3]");
  EXPECT_THAT(Inferred(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false},
                       {{DType::kFloat32, {5, 3}}, {DType::kInt32, {4}}, Tensor::Scalar<int64_t>(7)}),
              HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
