// Crossed features: what they refuse. That they give TensorFlow's values is in tests/cases/cross_cases.py.
#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostOpAttrs CrossAttrs(int64_t sparse_columns) {
  HostOpAttrs attrs = HostAttrs("SparseCrossV2", {DType::kInt64, DType::kString, DType::kInt64});
  attrs.ints = {{"N", sparse_columns}};
  return attrs;
}

Tensor Texts(const Shape& shape, std::vector<std::string> values) {
  return Tensor::OfStrings(shape, std::move(values));
}

Tensor Matrix(const Shape& shape, std::vector<int64_t> values) { return Tensor::Of<int64_t>(shape, values); }

TEST(CrossTest, EveryCombinationOfARow) {
  const auto y = RunOp(OpKind::kHostOp, CrossAttrs(1),
                       {Matrix({3, 2}, {0, 0, 0, 1, 2, 0}), Texts({3}, {"a", "b", "c"}), Ints({3, 2}),
                        Matrix({3, 1}, {7, 8, 9}), Texts({}, {"-"})});
  ASSERT_TRUE(y.ok()) << y.status();
  ExpectValues<int64_t>((*y)[0], {3, 2}, {0, 0, 0, 1, 2, 0});
  EXPECT_THAT((*y)[1].strings(), ElementsAre("a-7", "b-7", "c-9"));
  ExpectValues<int64_t>((*y)[2], {2}, {3, 2});
}

TEST(CrossTest, ColumnsHaveAsManyRows) {
  EXPECT_THAT(
      ErrorOf(OpKind::kHostOp, CrossAttrs(0), {Matrix({2, 1}, {1, 2}), Matrix({3, 1}, {1, 2, 3}), Texts({}, {""})}),
      HasSubstr("expected 2 rows, got 3"));
}

TEST(CrossTest, OtherRanksAndTypesAreRefused) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CrossAttrs(0), {Ints({1, 2}), Texts({}, {""})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CrossAttrs(0), {Floats({1, 1}, {1}), Texts({}, {""})}), HasSubstr("E_"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CrossAttrs(0), {Texts({}, {""}), Texts({}, {""})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CrossAttrs(7), {Matrix({1, 1}, {1}), Texts({}, {""})}), HasSubstr("E_ARITY"));
}

TEST(CrossTest, AsManyRowsAsAShapeClaimsAreNotMade) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, CrossAttrs(1),
                      {Matrix({0, 2}, {}), Texts({0}, {}), Ints({int64_t{1} << 60, 1}), Texts({}, {""})}),
              HasSubstr("E_LIMIT"));
}

TEST(CrossTest, SplitsOfRaggedColumnsMustAscend) {
  HostOpAttrs attrs = HostAttrs("RaggedCross", {DType::kInt64, DType::kInt64});
  attrs.ints = {{"hashed_output", 1}};
  attrs.strings = {{"input_order", "R"}};
  for (const std::vector<int64_t>& splits : {std::vector<int64_t>{0, 3}, {1, 2}, {0, 2, 1, 2}, {}}) {
    EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, {Ints({5, 6}), Ints(splits)}), HasSubstr("E_VALUE"));
  }
  EXPECT_EQ(ErrorOf(OpKind::kHostOp, attrs, {Ints({5, 6}), Ints({0, 0, 2})}), "");
}

}  // namespace
}  // namespace moulin::testing
