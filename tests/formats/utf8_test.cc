#include "formats/utf8.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(Utf8, TakesEveryLength) { EXPECT_EQ(ValidUtf8Prefix("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 10); }

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(ValidUtf8Prefix("ab\xFFz"), 2);           // no first byte
  EXPECT_EQ(ValidUtf8Prefix("ab\x80"), 2);            // a tail alone
  EXPECT_EQ(ValidUtf8Prefix("ab\xC3"), 2);            // cut short
  EXPECT_EQ(ValidUtf8Prefix("\xC0\x80"), 0);          // overlong
  EXPECT_EQ(ValidUtf8Prefix("\xE0\x80\x80"), 0);      // overlong
  EXPECT_EQ(ValidUtf8Prefix("\xED\xA0\x80"), 0);      // surrogate
  EXPECT_EQ(ValidUtf8Prefix("\xF4\x90\x80\x80"), 0);  // beyond U+10FFFF
}

TEST(Utf8, AppendsWhatItTakes) {
  for (uint32_t code_point : {0x41u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    ASSERT_TRUE(AppendUtf8(code_point, &text)) << code_point;
    EXPECT_EQ(ValidUtf8Prefix(text), text.size()) << code_point;
  }
  std::string text;
  EXPECT_FALSE(AppendUtf8(0xD800, &text));
  EXPECT_FALSE(AppendUtf8(0x110000, &text));
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace moulin
