#include "moulin/dtype.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(DTypeTest, NamesGoBothWays) {
  for (int i = 1; i <= static_cast<int>(DType::kUInt64); ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(DTypeFromName(Name(type)), type) << i;
    EXPECT_NE(ShortName(type), "?") << i;
  }
  EXPECT_EQ(DTypeFromName("float"), DType::kInvalid);
  EXPECT_EQ(Name(static_cast<DType>(200)), "invalid");
}

TEST(DTypeTest, SizesAndKinds) {
  EXPECT_EQ(SizeOf(DType::kBFloat16), 2u);
  EXPECT_EQ(SizeOf(DType::kComplex128), 16u);
  EXPECT_EQ(SizeOf(DType::kString), 0u);
  EXPECT_TRUE(IsFloating(DType::kFloat16));
  EXPECT_FALSE(IsInteger(DType::kBool));
  EXPECT_TRUE(IsUnsignedInteger(DType::kQUInt8));
  EXPECT_TRUE(IsSignedInteger(DType::kQInt32));
}

}  // namespace
}  // namespace moulin
