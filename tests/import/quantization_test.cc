#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(FakeQuantTest, NudgesTheRangeToHoldZero) {
  // 2^2 steps from -1 to 2: -1, 0, 1, 2.
  OneOp op("FakeQuantWithMinMaxArgs");
  op.Fed(Floats({5}, {-3, -0.4f, 0.6f, 1.4f, 9})).Attr("num_bits", "i: 2").Attr("min", "f: -1").Attr("max", "f: 2");
  ExpectFloats(op.Run(), 0, {5}, {-1, 0, 1, 1, 2});
  // A range of -0.9 to 2.1 has its zero at 0.9 steps, which becomes 1.
  OneOp nudged("FakeQuantWithMinMaxVars");
  nudged.Fed(Floats({3}, {-3, 0.1f, 9})).Fed(Floats({}, {-0.9f})).Fed(Floats({}, {2.1f})).Attr("num_bits", "i: 2");
  ExpectFloats(nudged.Run(), 0, {3}, {-1, 0, 2});
}

TEST(FakeQuantTest, ChannelsHaveTheirOwnRanges) {
  OneOp op("FakeQuantWithMinMaxVarsPerChannel");
  op.Fed(Floats({1, 2}, {9, 9})).Fed(Floats({2}, {0, 0})).Fed(Floats({2}, {3, 6}));
  ExpectFloats(op.Run(), 0, {1, 2}, {3, 6});
}

// For --precision int8: the ends of the nudged range, where they are known and the steps are at most 256.
TEST(FakeQuantTest, TellsItsRange) {
  OneOp args("FakeQuantWithMinMaxArgs"), vars("FakeQuantWithMinMaxVars");
  args.Fed(Floats({1}, {1})).Attr("min", "f: -1").Attr("max", "f: 2").Attr("num_bits", "i: 2");
  ASSERT_TRUE(args.Run().ok());
  ASSERT_TRUE(args.range().has_value());
  EXPECT_FLOAT_EQ(args.range()->min, -1);
  EXPECT_FLOAT_EQ(args.range()->max, 2);
  vars.Fed(Floats({1}, {1})).Constant(Floats({}, {-0.9f})).Constant(Floats({}, {2.1f})).Attr("num_bits", "i: 2");
  ASSERT_TRUE(vars.Run().ok());
  ASSERT_TRUE(vars.range().has_value());
  EXPECT_FLOAT_EQ(vars.range()->min, -1);
  EXPECT_FLOAT_EQ(vars.range()->max, 2);

  OneOp unknown("FakeQuantWithMinMaxVars"), fine("FakeQuantWithMinMaxArgs"),
      channels("FakeQuantWithMinMaxVarsPerChannel");
  ASSERT_TRUE(unknown.Fed(Floats({1}, {1})).Fed(Floats({}, {-1})).Fed(Floats({}, {1})).Run().ok());
  ASSERT_TRUE(fine.Fed(Floats({1}, {1})).Attr("num_bits", "i: 16").Run().ok());
  ASSERT_TRUE(
      channels.Fed(Floats({1, 2}, {1, 1})).Constant(Floats({2}, {0, 0})).Constant(Floats({2}, {1, 2})).Run().ok());
  EXPECT_FALSE(unknown.range().has_value() || fine.range().has_value() || channels.range().has_value());
}

TEST(FakeQuantTest, RefusesBadAttributes) {
  OneOp bits("FakeQuantWithMinMaxArgs"), range("FakeQuantWithMinMaxArgs");
  ExpectError(bits.Fed(Floats({1}, {1})).Attr("num_bits", "i: 1").Run(), "E_ATTR", "num_bits");
  ExpectError(range.Fed(Floats({1}, {1})).Attr("min", "f: 9").Run(), "E_ATTR", "below max");
}

TEST(QuantizeAndDequantizeTest, SymmetricRange) {
  OneOp op("QuantizeAndDequantizeV2");
  op.Fed(Floats({3}, {-127, 0.6f, 200})).Fed(Floats({}, {-127})).Fed(Floats({}, {127}));
  op.Attr("range_given", "b: true");
  ExpectFloats(op.Run(), 0, {3}, {-127, 1, 127});
}

TEST(QuantizeAndDequantizeTest, RefusesAnAxisOutsideTheRank) {
  OneOp op("QuantizeAndDequantizeV2");
  op.Fed(Floats({3}, {1, 2, 3})).Fed(Floats({}, {0})).Fed(Floats({}, {1}));
  ExpectError(op.Attr("axis", "i: -100").Run(), "E_ATTR", "axis");
}

TEST(QuantizeTest, ThereAndBack) {
  OneOp op("QuantizeV2");
  op.Fed(Floats({3}, {0, 1, 255})).Fed(Floats({}, {0})).Fed(Floats({}, {255})).Attr("T", "type: DT_QUINT8");
  const auto y = op.Run();
  ASSERT_TRUE(y.ok()) << y.status();
  ASSERT_EQ((*y)[0].dtype(), DType::kQUInt8);
  EXPECT_THAT((*y)[0].values<uint8_t>(), ::testing::ElementsAre(0, 1, 255));
  OneOp back("Dequantize");
  ExpectFloats(back.Fed((*y)[0]).Fed(Floats({}, {0})).Fed(Floats({}, {255})).Run(), 0, {3}, {0, 1, 255});
}

}  // namespace
}  // namespace moulin::testing
