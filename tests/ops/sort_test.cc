#include <limits>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TopK, OrdersTiesByIndexAndNaNsLast) {
  const Tensor x = Tensor::Of<float>({2, 5}, {3, 1, 3, 2, 3, kNaN, 1, kNaN, -2, 1});
  const auto y = RunOp(OpKind::kTopK, TopKAttrs{}, {x, Tensor::Scalar<int32_t>(4)}).value();
  EXPECT_EQ(y[0].shape(), Shape({2, 4}));
  EXPECT_THAT(Values<int32_t>(y[1]), ElementsAre(0, 2, 4, 3, 1, 4, 3, 0));
  EXPECT_EQ(y[0].values<float>()[3], 2);
}

// Worked by hand: after three candidates and the fourth's removal the heap is {.72, .80, .78} with .72 at its root,
// which .73 then replaces.
TEST(TopK, UnsortedIsTheHeapsOrder) {
  const Tensor x = Vector<float>({.78f, .80f, .72f, .23f, .73f});
  const auto y = RunOp(OpKind::kTopK, TopKAttrs{false}, {x, Tensor::Scalar<int32_t>(3)}).value();
  EXPECT_THAT(Values<int32_t>(y[1]), ElementsAre(4, 1, 0));
  EXPECT_THAT(Values<float>(y[0]), ElementsAre(.73f, .80f, .78f));
  const auto all = RunOp(OpKind::kTopK, TopKAttrs{false}, {x, Tensor::Scalar<int32_t>(5)}).value();
  EXPECT_THAT(Values<int32_t>(all[1]), ElementsAre(1, 0, 4, 2, 3));
}

TEST(TopK, EdgesOfK) {
  const Tensor x = Tensor::Of<int32_t>({2, 2}, {1, 2, 4, 3});
  EXPECT_EQ(RunOne(OpKind::kTopK, TopKAttrs{}, {x, Tensor::Scalar<int32_t>(0)}).shape(), Shape({2, 0}));
  EXPECT_THAT(ErrorOf(OpKind::kTopK, TopKAttrs{}, {x, Tensor::Scalar<int32_t>(3)}), HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kTopK, TopKAttrs{}, {x, Tensor::Scalar<int32_t>(-1)}), HasSubstr("E_VALUE"));
  EXPECT_EQ(InferredAll(OpKind::kTopK, TopKAttrs{true, DType::kInt64},
                        {{DType::kFloat32, {-1, 7}}, {DType::kInt32, PartialShape::OfRank(0)}}),
            "f32[?,?] i64[?,?]");
}

TEST(Unique, FirstOccurrencesInOrder) {
  const Tensor x = Vector<int32_t>({5, 3, 5, 7, 3, 5});
  const auto y = RunOp(OpKind::kUnique, UniqueAttrs{}, {x, Vector<int64_t>({0})}).value();
  EXPECT_THAT(Values<int32_t>(y[0]), ElementsAre(5, 3, 7));
  EXPECT_THAT(Values<int32_t>(y[1]), ElementsAre(0, 1, 0, 2, 1, 0));
  EXPECT_THAT(Values<int32_t>(y[2]), ElementsAre(3, 2, 1));
}

TEST(Unique, StringsZerosAndNaNs) {
  const auto s = RunOp(OpKind::kUnique, UniqueAttrs{}, {Tensor::OfStrings({3}, {"a", "", "a"}), Vector<int64_t>({})});
  EXPECT_THAT(Values<std::string>(s.value()[0]), ElementsAre("a", ""));
  const auto f = RunOp(OpKind::kUnique, UniqueAttrs{DType::kInt64},
                       {Vector<float>({0.0f, -0.0f, kNaN, kNaN}), Vector<int64_t>({})});
  EXPECT_THAT(Values<int64_t>(f.value()[1]), ElementsAre(0, 0, 1, 2));
}

TEST(Unique, SlicesAlongAnAxis) {
  const Tensor x = Tensor::Of<int32_t>({2, 4}, {1, 2, 1, 2, 3, 4, 3, 5});
  const auto y = RunOp(OpKind::kUnique, UniqueAttrs{}, {x, Vector<int64_t>({-1})}).value();
  EXPECT_EQ(y[0].shape(), Shape({2, 3}));
  EXPECT_THAT(Values<int32_t>(y[0]), ElementsAre(1, 2, 2, 3, 4, 5));
  EXPECT_THAT(Values<int32_t>(y[1]), ElementsAre(0, 1, 0, 2));
  EXPECT_THAT(Values<int32_t>(y[2]), ElementsAre(2, 1, 1));
  EXPECT_THAT(ErrorOf(OpKind::kUnique, UniqueAttrs{}, {x, Vector<int64_t>({})}), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
