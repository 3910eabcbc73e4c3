#include "moulin/tensor.h"

#include <cmath>
#include <limits>

#include "base/half.h"
#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(TensorTest, AllocatesZeroedAlignedElements) {
  const Tensor t = Tensor::Allocate(DType::kInt32, Shape({3, 5})).value();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data()) % 64, 0u);
  for (int32_t x : t.values<int32_t>()) EXPECT_EQ(x, 0);
  EXPECT_EQ(t.byte_size(), 60);
}

TEST(TensorTest, RefusesWhatHasNoElementsOrTooMany) {
  EXPECT_FALSE(Tensor::Allocate(DType::kResource, Shape()).ok());
  EXPECT_FALSE(Tensor::Allocate(DType::kInvalid, Shape()).ok());
  EXPECT_FALSE(Tensor::Allocate(DType::kFloat64, Shape({int64_t{1} << 61})).ok());
}

TEST(TensorTest, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::Of<float>(Shape({2}), {1, 2});
  const Tensor shared = a;
  const Tensor clone = a.Clone().value();
  a.mutable_values<float>()[0] = 7;
  EXPECT_EQ(shared.values<float>()[0], 7);
  EXPECT_EQ(clone.values<float>()[0], 1);
  EXPECT_EQ(shared.storage_id(), a.storage_id());
}

TEST(TensorTest, HoldsStrings) {
  const Tensor t = Tensor::OfStrings(Shape({2}), {"ab", "c"});
  EXPECT_EQ(t.strings()[1], "c");
  EXPECT_EQ(t.byte_size(), 3);
  EXPECT_EQ(t.Clone().value().strings()[0], "ab");
}

TEST(TensorTest, PrintsAFewElements) {
  EXPECT_EQ(Tensor::Of<float>(Shape({3}), {0.5f, 1, 2}).ToString(2), "f32[3] {0.5, 1, ...}");
  EXPECT_EQ(Tensor::Scalar<bool>(true).ToString(), "bool[] {true}");
}

TEST(HalfTest, RoundsToNearestEven) {
  EXPECT_EQ(Half(1.0f).bits, 0x3c00);
  EXPECT_EQ(Half(65504.0f).bits, 0x7bff);
  EXPECT_EQ(Half(65520.0f).bits, 0x7c00) << "halfway to the next goes to infinity";
  EXPECT_EQ(static_cast<float>(Half(2049.0f)), 2048.0f) << "ties go to even";
}

TEST(BFloat16Test, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(static_cast<float>(BFloat16(257.0f)), 256.0f) << "ties go to even";
  EXPECT_EQ(static_cast<float>(BFloat16(259.0f)), 260.0f);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isinf(static_cast<float>(BFloat16(std::numeric_limits<float>::max()))));
}

}  // namespace
}  // namespace moulin
