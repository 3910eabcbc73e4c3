#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(SparseToDenseTest, FillsTheRest) {
  OneOp op("SparseToDense");
  op.Fed(Int32s({2}, {0, 2})).Constant(Int32s({1}, {4})).Fed(Floats({}, {5})).Fed(Floats({}, {-1}));
  ExpectFloats(op.Run(), 0, {4}, {5, -1, 5, -1});
}

TEST(RaggedRangeTest, RowsOfDifferentLengths) {
  OneOp op("RaggedRange");
  op.Fed(Int32s({3}, {2, 5, 8})).Fed(Int32s({3}, {3, 5, 12})).Fed(Int32s({}, {3}));
  const auto y = op.Run();
  ExpectElements<int64_t>(y, 0, {4}, {0, 1, 1, 3});
  ExpectElements<int32_t>(y, 1, {3}, {2, 8, 11});
}

Tensor Int64s(const Shape& shape, std::initializer_list<int64_t> values) { return Tensor::Of<int64_t>(shape, values); }

TEST(SparseTest, ReordersByRow) {
  OneOp op("SparseReorder");
  op.Fed(Int64s({3, 2}, {1, 0, 0, 2, 0, 1})).Fed(Floats({3}, {1, 2, 3})).Fed(Int64s({2}, {2, 3}));
  const auto y = op.Run();
  ExpectElements<int64_t>(y, 0, {3, 2}, {0, 1, 0, 2, 1, 0});
  ExpectFloats(y, 1, {3}, {3, 2, 1});
}

TEST(SparseTest, ReshapesCoordinates) {
  OneOp op("SparseReshape");
  op.Fed(Int64s({2, 2}, {0, 3, 2, 1})).Fed(Int64s({2}, {3, 4})).Fed(Int64s({2}, {2, -1}));
  const auto y = op.Run();
  ExpectElements<int64_t>(y, 0, {2, 2}, {0, 3, 1, 3});
  ExpectElements<int64_t>(y, 1, {2}, {2, 6});
}

TEST(SparseTest, FillsEmptyRows) {
  OneOp op("SparseFillEmptyRows");
  op.Fed(Int64s({2, 2}, {2, 1, 0, 3})).Fed(Floats({2}, {1, 2})).Fed(Int64s({2}, {3, 4})).Fed(Floats({}, {9}));
  const auto y = op.Run();
  ExpectElements<int64_t>(y, 0, {3, 2}, {0, 3, 1, 0, 2, 1});
  ExpectFloats(y, 1, {3}, {2, 9, 1});
  ExpectElements<bool>(y, 2, {3}, {false, true, false});
  ExpectElements<int64_t>(y, 3, {2}, {2, 0});
}

OneOp Ragged(const Tensor& shape, const Tensor& values, const std::string& types) {
  OneOp op("RaggedTensorToTensor");
  op.Constant(shape).Fed(values).Constant(Floats({}, {-1}));
  op.Attr("row_partition_types", "list { s: [" + types + "] }");
  return op;
}

TEST(RaggedTest, PadsShortRows) {
  OneOp op = Ragged(Int64s({2}, {-1, -1}), Floats({3}, {1, 2, 3}), "\"ROW_SPLITS\"");
  ExpectFloats(op.Fed(Int64s({4}, {0, 2, 2, 3})).Run(), 0, {3, 2}, {1, 2, -1, -1, 3, -1});
}

TEST(RaggedTest, CutsToTheShapeAskedFor) {
  OneOp op = Ragged(Int64s({2}, {2, 1}), Floats({3}, {1, 2, 3}), "\"FIRST_DIM_SIZE\", \"VALUE_ROWIDS\"");
  ExpectFloats(op.Fed(Int64s({}, {3})).Fed(Int64s({3}, {0, 0, 1})).Run(), 0, {2, 1}, {1, 3});
}

TEST(RaggedTest, TwoLevels) {
  // [[[1, 2], []], [[3]]]
  OneOp op = Ragged(Int64s({}, {-1}), Floats({3}, {1, 2, 3}), "\"ROW_SPLITS\", \"ROW_SPLITS\"");
  ExpectFloats(op.Fed(Int64s({3}, {0, 2, 3})).Fed(Int64s({4}, {0, 2, 2, 3})).Run(), 0, {2, 2, 2},
               {1, 2, -1, -1, 3, -1, -1, -1});
}

}  // namespace
}  // namespace moulin::testing
