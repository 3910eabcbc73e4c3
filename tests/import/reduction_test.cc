#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(ReductionTest, KeepsDims) {
  const Tensor x = Floats({2, 2}, {1, 2, 3, 5});
  ExpectFloats(OneOp("Sum").Fed(x).Constant(Int32s({1}, {1})).Run(), 0, {2}, {3, 8});
  ExpectFloats(OneOp("Mean").Fed(x).Constant(Int32s({1}, {-1})).Attr("keep_dims", "b: true").Run(), 0, {2, 1},
               {1.5, 4});
  ExpectFloats(OneOp("EuclideanNorm").Fed(Floats({2}, {3, 4})).Constant(Int32s({}, {0})).Run(), 0, {}, {5});
}

TEST(ReductionTest, NthElementCountsFromEitherEnd) {
  const Tensor x = Floats({2, 4}, {4, 1, 3, 2, 8, 8, 9, 7});
  ExpectFloats(OneOp("NthElement").Fed(x).Constant(Int32s({}, {1})).Run(), 0, {2}, {2, 8});
  ExpectFloats(OneOp("NthElement").Fed(x).Constant(Int32s({}, {0})).Attr("reverse", "b: true").Run(), 0, {2}, {4, 9});
}

TEST(SegmentTest, SparseRowsByIndex) {
  const Tensor x = Floats({3, 1}, {1, 2, 4});
  const Tensor indices = Int32s({3}, {0, 2, 1}), ids = Int32s({3}, {0, 0, 1});
  ExpectFloats(OneOp("SparseSegmentSum").Fed(x).Fed(indices).Fed(ids).Run(), 0, {2, 1}, {5, 2});
  ExpectFloats(OneOp("SparseSegmentMean").Fed(x).Fed(indices).Fed(ids).Run(), 0, {2, 1}, {2.5, 2});
  ExpectFloats(OneOp("SparseSegmentSqrtN").Fed(x).Fed(indices).Fed(ids).Run(), 0, {2, 1}, {3.5355339f, 2});
}

TEST(CountTest, BincountDropsWhatIsTooLarge) {
  OneOp op("Bincount");
  op.Fed(Int32s({4}, {1, 0, 1, 7})).Constant(Int32s({}, {3})).Constant(Floats({0}, {}));
  ExpectFloats(op.Run(), 0, {3}, {1, 2, 0});
}

TEST(CountTest, DenseBincountOfRows) {
  OneOp op("DenseBincount");
  op.Fed(Int32s({2, 3}, {1, 1, 0, 2, 9, 2})).Constant(Int32s({}, {3})).Constant(Int32s({0}, {}));
  ExpectElements<int32_t>(op.Run(), 0, {2, 3}, {1, 2, 0, 0, 0, 2});
}

TEST(CountTest, DenseBincountAsBits) {
  OneOp op("DenseBincount");
  op.Fed(Int32s({3}, {1, 1, 0})).Constant(Int32s({}, {3})).Constant(Int32s({0}, {})).Attr("binary_output", "b: true");
  ExpectElements<int32_t>(op.Run(), 0, {3}, {1, 1, 0});
}

TEST(CountTest, HistogramClampsToTheRange) {
  OneOp op("HistogramFixedWidth");
  op.Fed(Floats({6}, {-1, 0, 1.5f, 2, 5, 15})).Constant(Floats({2}, {0, 5})).Constant(Int32s({}, {5}));
  ExpectElements<int32_t>(op.Run(), 0, {5}, {2, 1, 1, 0, 2});
}

TEST(RankTest, InTopK) {
  const Tensor scores = Floats({3, 3}, {1, 2, 3, 1, 2, 3, INFINITY, 1, 2});
  ExpectElements<bool>(OneOp("InTopK").Fed(scores).Fed(Int32s({3}, {1, 0, 0})).Attr("k", "i: 2").Run(), 0, {3},
                       {true, false, false});
}

TEST(RankTest, BucketsAndBounds) {
  OneOp buckets("Bucketize");
  buckets.Fed(Int32s({4}, {-5, 0, 10, 150})).Attr("boundaries", "list { f: [0, 10, 100] }");
  ExpectElements<int32_t>(buckets.Run(), 0, {4}, {0, 1, 2, 3});
  const Tensor sorted = Floats({1, 4}, {1, 2, 2, 5}), values = Floats({1, 2}, {2, 9});
  ExpectElements<int32_t>(OneOp("LowerBound").Fed(sorted).Fed(values).Run(), 0, {1, 2}, {1, 4});
  ExpectElements<int32_t>(OneOp("UpperBound").Fed(sorted).Fed(values).Run(), 0, {1, 2}, {3, 4});
}

}  // namespace
}  // namespace moulin::testing
