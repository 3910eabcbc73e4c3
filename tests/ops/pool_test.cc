#include <cmath>
#include <limits>

#include "base/half.h"
#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

PoolAttrs Attrs(PoolOp op, SpatialDims window, SpatialDims strides, Padding padding) {
  PoolAttrs attrs;
  attrs.op = op;
  attrs.window = std::move(window);
  attrs.strides = std::move(strides);
  attrs.padding = padding;
  return attrs;
}

TEST(PoolTest, Maximum) {
  const PoolAttrs attrs = Attrs(PoolOp::kMax, {2, 2}, {2, 2}, Padding::kSame);
  ExpectFloats(RunOne(OpKind::kPool, attrs, {Iota({1, 3, 3, 1})}), {1, 2, 2, 1}, {4, 5, 7, 8});
  const Tensor bytes = Tensor::Of<uint8_t>({1, 4, 1}, {3, 200, 9, 1});
  ExpectValues<uint8_t>(RunOne(OpKind::kPool, Attrs(PoolOp::kMax, {2}, {2}, Padding::kValid), {bytes}), {1, 2, 1},
                        {200, 9});
}

TEST(PoolTest, NanNeverWins) {
  const float nan = std::nanf("");
  const Tensor x = Floats({1, 4, 1}, {nan, 1, nan, nan});
  ExpectFloats(RunOne(OpKind::kPool, Attrs(PoolOp::kMax, {2}, {2}, Padding::kValid), {x}), {1, 2, 1},
               {1, std::numeric_limits<float>::lowest()});
}

TEST(PoolTest, AverageCountsNoPadding) {
  const PoolAttrs attrs = Attrs(PoolOp::kAverage, {2, 2}, {1, 1}, Padding::kSame);
  ExpectFloats(RunOne(OpKind::kPool, attrs, {Floats({1, 2, 2, 1}, {1, 2, 3, 6})}), {1, 2, 2, 1}, {3, 4, 4.5, 6});
}

TEST(PoolTest, ExplicitPaddingAndChannelsFirst) {
  PoolAttrs attrs = Attrs(PoolOp::kAverage, {2}, {2}, Padding::kExplicit);
  attrs.pad_before = {1};
  attrs.pad_after = {1};
  attrs.channels_last = false;
  ExpectFloats(RunOne(OpKind::kPool, attrs, {Iota({1, 2, 2})}), {1, 2, 2}, {0, 1, 2, 3});
}

TEST(PoolTest, ThreeAxes) {
  const PoolAttrs attrs = Attrs(PoolOp::kMax, {2, 1, 2}, {1, 1, 1}, Padding::kValid);
  ExpectFloats(RunOne(OpKind::kPool, attrs, {Iota({1, 2, 2, 2, 1})}), {1, 1, 2, 1, 1}, {5, 7});
}

TEST(PoolTest, HalfAveragesAreRoundedOnce) {
  Tensor x = Tensor::Allocate(DType::kFloat16, {1, 4, 1}).value();
  const float values[] = {2048, 1, 1, 1};
  for (int i = 0; i < 4; ++i) x.mutable_values<Half>()[i] = Half(values[i]);
  const Tensor y = RunOne(OpKind::kPool, Attrs(PoolOp::kAverage, {4}, {4}, Padding::kValid), {x});
  EXPECT_EQ(static_cast<float>(y.values<Half>()[0]), 513);  // 512.75 to the nearest half
}

TEST(PoolTest, ChecksWindows) {
  EXPECT_THAT(ErrorOf(OpKind::kPool, Attrs(PoolOp::kMax, {0}, {1}, Padding::kValid), {Iota({1, 3, 1})}),
              HasSubstr("E_ATTR: the window"));
  EXPECT_THAT(ErrorOf(OpKind::kPool, Attrs(PoolOp::kMax, {5}, {1}, Padding::kValid), {Iota({1, 3, 1})}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kPool, Attrs(PoolOp::kMax, {2, 2}, {1}, Padding::kValid), {Iota({1, 3, 1})}),
              HasSubstr("E_ATTR"));
  PoolAttrs attrs = Attrs(PoolOp::kMax, {2}, {1}, Padding::kExplicit);
  attrs.pad_before = {2};
  attrs.pad_after = {0};
  EXPECT_THAT(ErrorOf(OpKind::kPool, attrs, {Iota({1, 3, 1})}), HasSubstr("E_ATTR: paddings 2"));
}

TEST(MaxPoolWithArgmaxTest, GivesFlatIndices) {
  PoolAttrs attrs = Attrs(PoolOp::kMax, {1, 2}, {1, 2}, Padding::kValid);
  const Tensor x = Floats({2, 1, 4, 1}, {1, 3, 2, 2, 5, 4, 0, 9});
  auto outputs = RunOp(OpKind::kMaxPoolWithArgmax, attrs, {x});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ExpectFloats((*outputs)[0], {2, 1, 2, 1}, {3, 2, 5, 9});
  ExpectValues<int64_t>((*outputs)[1], {2, 1, 2, 1}, {1, 2, 0, 3});  // the first of equals
  attrs.include_batch_in_index = true;
  attrs.index_type = DType::kInt32;
  outputs = RunOp(OpKind::kMaxPoolWithArgmax, attrs, {x});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ExpectValues<int32_t>((*outputs)[1], {2, 1, 2, 1}, {1, 2, 4, 7});
}

}  // namespace
}  // namespace moulin::testing
