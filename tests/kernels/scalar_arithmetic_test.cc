#include "kernels/scalar_arithmetic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "kernels/scalar_cast.h"

namespace moulin::scalar {
namespace {

// All pairs of 8-bit integers, against the definitions in wide arithmetic.
TEST(ScalarArithmetic, EveryPairOfInt8) {
  for (int a = -128; a < 128; ++a) {
    for (int b = -128; b < 128; ++b) {
      const auto x = static_cast<int8_t>(a), y = static_cast<int8_t>(b);
      ASSERT_EQ(Add(x, y), static_cast<int8_t>(a + b));
      ASSERT_EQ(Sub(x, y), static_cast<int8_t>(a - b));
      ASSERT_EQ(Mul(x, y), static_cast<int8_t>(a * b));
      ASSERT_EQ(Max(x, y), a > b ? a : b);
      if (b == 0) continue;
      const int floor = static_cast<int>(std::floor(static_cast<double>(a) / b));
      ASSERT_EQ(Div(x, y), static_cast<int8_t>(a / b));
      ASSERT_EQ(TruncMod(x, y), static_cast<int8_t>(a % b));
      ASSERT_EQ(FloorDiv(x, y), static_cast<int8_t>(floor)) << a << " " << b;
      ASSERT_EQ(FloorMod(x, y), static_cast<int8_t>(a - floor * b)) << a << " " << b;
    }
  }
}

TEST(ScalarArithmetic, EveryPairOfUInt8) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 1; b < 256; ++b) {
      const auto x = static_cast<uint8_t>(a), y = static_cast<uint8_t>(b);
      ASSERT_EQ(FloorDiv(x, y), a / b);
      ASSERT_EQ(FloorMod(x, y), a % b);
      ASSERT_EQ(Sub(x, y), static_cast<uint8_t>(a - b));
    }
  }
}

TEST(ScalarArithmetic, PowOfIntegersIsRepeatedMultiplication) {
  for (int a = -128; a < 128; ++a) {
    int8_t product = 1;
    for (int exponent = 0; exponent < 128; ++exponent) {
      ASSERT_EQ(Pow(static_cast<int8_t>(a), static_cast<int8_t>(exponent)), product) << a << "^" << exponent;
      product = static_cast<int8_t>(product * a);
    }
  }
}

TEST(ScalarArithmetic, Bits) {
  EXPECT_EQ(PopCount(int8_t{-1}), 8);
  EXPECT_EQ(PopCount(uint64_t{0x8000000000000001}), 2);
  EXPECT_EQ(BitNot(uint8_t{1}), 254);
  EXPECT_EQ(ShiftLeft(uint8_t{255}, uint8_t{7}), 128);
  EXPECT_EQ(ShiftLeft(uint8_t{255}, uint8_t{200}), 128);
  EXPECT_EQ(ShiftRight(int64_t{-1}, int64_t{70}), -1);
}

TEST(ScalarArithmetic, Signs) {
  EXPECT_EQ(Sign(-2.0f), -1.0f);
  EXPECT_EQ(Sign(uint8_t{9}), 1);
  EXPECT_EQ(Sign(int64_t{0}), 0);
  EXPECT_EQ(Abs(INT32_MIN), INT32_MIN);
  EXPECT_TRUE(IsInf(-HUGE_VAL));
  EXPECT_FALSE(IsInf(std::nan("")));
  EXPECT_FALSE(IsFinite(std::nan("")));
  EXPECT_TRUE(IsFinite(1.0f));
}

TEST(ScalarCast, BoundsOfInt32) {
  EXPECT_EQ(Cast<int32_t>(-2147483648.9), INT32_MIN);
  EXPECT_EQ(Cast<int32_t>(2147483647.9), INT32_MAX);
  EXPECT_EQ(Cast<int32_t>(2147483648.0), INT32_MIN);
  EXPECT_EQ(Cast<int32_t>(-2147483648.0f), INT32_MIN);
  EXPECT_EQ(Cast<int64_t>(9.3e18), INT64_MIN);
  EXPECT_EQ(Cast<uint64_t>(9.3e18), 9300000000000000000u);
  EXPECT_EQ(Cast<uint64_t>(1e20), uint64_t{1} << 63);
  EXPECT_EQ(Cast<uint32_t>(3e9f), 3000000000u);
  EXPECT_TRUE(Cast<bool>(0.1));
}

TEST(ScalarCast, Saturates) {
  EXPECT_EQ((SaturatingCast<int8_t>(int32_t{-300})), -128);
  EXPECT_EQ((SaturatingCast<uint8_t>(int64_t{-1})), 0);
  EXPECT_EQ((SaturatingCast<int32_t>(uint64_t{1} << 40)), INT32_MAX);
  EXPECT_EQ((SaturatingCast<int64_t>(1e30)), INT64_MAX);
  EXPECT_EQ((SaturatingCast<int32_t>(2147483647.0f)), INT32_MAX);
  EXPECT_EQ((SaturatingCast<uint16_t>(std::nan(""))), 0);
}

}  // namespace
}  // namespace moulin::scalar
