#include "engine/difference.h"

#include <cmath>
#include <complex>
#include <limits>

#include "base/half.h"
#include "gtest/gtest.h"

namespace moulin::internal {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor Row(std::initializer_list<float> values) {
  return Tensor::Of<float>(Shape({static_cast<int64_t>(values.size())}), values);
}

TEST(DifferenceTest, ToleranceIsAbsolutePlusRelative) {
  const Tolerance tolerance = {.rtol = 0.01, .atol = 0.1};
  EXPECT_TRUE(Compare(Row({101.0f}), Row({100.0f}), tolerance).within());
  const Difference d = Compare(Row({1, 102.0f}), Row({1, 100.0f}), tolerance);
  EXPECT_FALSE(d.within());
  EXPECT_EQ(d.worst_index, 1);
  EXPECT_EQ(d.max_abs, 2);
  EXPECT_NE(d.what.find("element 1"), std::string::npos) << d.what;
}

TEST(DifferenceTest, MeasuresAndCounts) {
  const Difference d = Compare(Row({1, 2.5f, kNan, 4}), Row({1, 2, kNan, 4.0001f}), {.rtol = 1e-3, .atol = 1e-4});
  EXPECT_FLOAT_EQ(d.max_abs, 0.5);
  EXPECT_FLOAT_EQ(d.max_rel, 0.25);
  EXPECT_NEAR(d.relative_norm, 0.5 / std::sqrt(1 + 4 + 16), 1e-4);
  EXPECT_EQ(d.mismatches, 1);
  EXPECT_EQ(d.worst_index, 1);
  EXPECT_NE(d.what.find("expected f32[] {2}, found f32[] {2.5}"), std::string::npos) << d.what;
  EXPECT_TRUE(d.found_nan && d.expected_nan);
}

TEST(DifferenceTest, ComplexNumbersByTheirDistance) {
  Tensor a = Tensor::Allocate(DType::kComplex64, Shape()).value();
  const Tensor b = Tensor::Allocate(DType::kComplex64, Shape()).value();
  *static_cast<std::complex<float>*>(a.mutable_data()) = {3, 4};
  EXPECT_EQ(Compare(a, b, {}).max_abs, 5);
  EXPECT_TRUE(Compare(a, b, {0, 5}).within());
}

TEST(DifferenceTest, SpecialValues) {
  EXPECT_TRUE(Compare(Row({kNan, kInfinity}), Row({kNan, kInfinity}), {}).within());
  EXPECT_FALSE(Compare(Row({1}), Row({kNan}), {1, 1}).within());
  EXPECT_FALSE(Compare(Row({kNan}), Row({1}), {1, 1}).within());
  EXPECT_FALSE(Compare(Row({kInfinity}), Row({-kInfinity}), {1, 1}).within());
  EXPECT_FALSE(Compare(Row({1e30f}), Row({kInfinity}), {1, 1}).within());
}

TEST(DifferenceTest, IntegersBoolsAndStringsMustBeEqual) {
  const Tolerance wide = {1, 100};
  EXPECT_FALSE(Compare(Tensor::Scalar<int32_t>(3), Tensor::Scalar<int32_t>(4), wide).within());
  EXPECT_FALSE(Compare(Tensor::Scalar<bool>(true), Tensor::Scalar<bool>(false), wide).within());
  EXPECT_FALSE(Compare(Tensor::OfStrings(Shape(), {"a"}), Tensor::OfStrings(Shape(), {"b"}), wide).within());
  EXPECT_TRUE(Compare(Tensor::OfStrings(Shape(), {"a"}), Tensor::OfStrings(Shape(), {"a"}), {}).within());
  // Beyond the precision of a double.
  const int64_t big = int64_t{1} << 60;
  EXPECT_FALSE(Compare(Tensor::Scalar<int64_t>(big), Tensor::Scalar<int64_t>(big + 1), {}).within());
}

TEST(DifferenceTest, HalfTypesAreCompared) {
  const Tensor a = Tensor::Of<Half>(Shape({1}), {Half(1.0f)});
  const Tensor b = Tensor::Of<Half>(Shape({1}), {Half(1.5f)});
  EXPECT_FALSE(Compare(a, b, {0.1, 0}).within());
  EXPECT_TRUE(Compare(a, b, {0.5, 0}).within());
}

TEST(DifferenceTest, TypeAndShapeMustAgree) {
  EXPECT_FALSE(Compare(Row({1, 2}), Tensor::Of<float>(Shape({2, 1}), {1, 2}), {1, 1}).within());
  EXPECT_FALSE(Compare(Row({1}), Tensor::Of<double>(Shape({1}), {1}), {1, 1}).within());
  EXPECT_TRUE(Compare(Row({}), Row({}), {}).within());
}

}  // namespace
}  // namespace moulin::internal
