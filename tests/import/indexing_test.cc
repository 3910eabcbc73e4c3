#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(GatherTest, NegativeBatchDims) {
  OneOp op("GatherV2");
  op.Fed(Floats({2, 2}, {1, 2, 3, 4})).Fed(Int32s({2, 1}, {1, 0})).Constant(Int32s({}, {1}));
  ExpectFloats(op.Attr("batch_dims", "i: -1").Run(), 0, {2, 1}, {2, 3});
  OneOp bad("GatherV2");
  bad.Fed(Floats({2}, {1, 2})).Fed(Int32s({1}, {1})).Constant(Int32s({}, {0}));
  ExpectError(bad.Attr("batch_dims", "i: 5").Run(), "E_ATTR", "batch_dims");
}

TEST(ListDiffTest, KeepsWhatIsNotInTheSecond) {
  const auto y = OneOp("ListDiff").Fed(Int32s({4}, {1, 2, 3, 2})).Fed(Int32s({1}, {1})).Run();
  ExpectElements<int32_t>(y, 0, {3}, {2, 3, 2});
  ExpectElements<int32_t>(y, 1, {3}, {1, 2, 3});
}

TEST(PartitionTest, SplitsByNumber) {
  OneOp op("DynamicPartition");
  op.Fed(Floats({3}, {1, 2, 3})).Fed(Int32s({3}, {1, 0, 1})).Attr("num_partitions", "i: 3");
  const auto y = op.Run();
  ExpectFloats(y, 0, {1}, {2});
  ExpectFloats(y, 1, {2}, {1, 3});
  ExpectFloats(y, 2, {0}, {});
}

TEST(StitchTest, TheLaterWins) {
  OneOp op("DynamicStitch");
  op.Fed(Int32s({}, {1})).Fed(Int32s({2}, {2, 1}));
  op.Fed(Floats({2}, {1, 2})).Fed(Floats({2, 2}, {3, 4, 5, 6}));
  ExpectFloats(op.Run(), 0, {3, 2}, {0, 0, 5, 6, 3, 4});
}

TEST(UnravelIndexTest, ScalarAndVector) {
  const Tensor dims = Int32s({3}, {2, 3, 4});
  ExpectElements<int32_t>(OneOp("UnravelIndex").Fed(Int32s({}, {17})).Constant(dims).Run(), 0, {3}, {1, 1, 1});
  ExpectElements<int32_t>(OneOp("UnravelIndex").Fed(Int32s({2}, {0, 23})).Constant(dims).Run(), 0, {3, 2},
                          {0, 1, 0, 2, 0, 3});
}

}  // namespace
}  // namespace moulin::testing
