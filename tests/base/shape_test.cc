#include "moulin/shape.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(ShapeTest, MakeRefusesWhatCannotBeASize) {
  EXPECT_FALSE(Shape::Make({2, -3}).ok());
  EXPECT_FALSE(Shape::Make({int64_t{1} << 32, int64_t{1} << 32}).ok());
  EXPECT_FALSE(Shape::Make({0, INT64_MAX, 2}).ok()) << "a zero must not hide an overflow";
  EXPECT_FALSE(Shape::Make(std::vector<int64_t>(255, 1)).ok());
  EXPECT_TRUE(Shape::Make(std::vector<int64_t>(254, 1)).ok());
  EXPECT_TRUE(Shape::Make({0, INT64_MAX}).ok());
}

TEST(ShapeTest, CountsElements) {
  EXPECT_EQ(Shape().num_elements(), 1);
  EXPECT_EQ(Shape({2, 3, 4}).num_elements(), 24);
  EXPECT_EQ(Shape({2, 0, 4}).num_elements(), 0);
}

TEST(PartialShapeTest, AcceptsOnlyWhatFits) {
  const PartialShape declared({kUnknownDim, 3});
  EXPECT_TRUE(declared.Accepts(Shape({7, 3})));
  EXPECT_FALSE(declared.Accepts(Shape({7, 4})));
  EXPECT_FALSE(declared.Accepts(Shape({7})));
  EXPECT_TRUE(PartialShape::UnknownRank().Accepts(Shape({7})));
}

TEST(PartialShapeTest, Prints) {
  EXPECT_EQ(PartialShape({kUnknownDim, 3}).ToString(), "[?,3]");
  EXPECT_EQ(PartialShape::UnknownRank().ToString(), "<unknown rank>");
  EXPECT_EQ(PartialShape(Shape()).ToString(), "[]");
}

TEST(PartialShapeTest, UnknownRankIsNotAScalar) {
  EXPECT_FALSE(PartialShape::UnknownRank() == PartialShape(Shape()));
  EXPECT_FALSE(PartialShape::UnknownRank().IsFullyKnown());
  EXPECT_TRUE(PartialShape(Shape()).IsFullyKnown());
}

}  // namespace
}  // namespace moulin
