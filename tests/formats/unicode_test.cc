#include "formats/unicode.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(UnicodeTest, SameTextInTwoEncodings) {
  EXPECT_EQ(CanonicalForm("caf\u00e9"), CanonicalForm("cafe\u0301"));
  EXPECT_EQ(CanonicalForm("caf\u00e9"), "cafe\u0301");
  EXPECT_EQ(CanonicalForm("\u1ec7"), "e\u0323\u0302");          // in two steps
  EXPECT_EQ(CanonicalForm("e\u0302\u0323"), "e\u0323\u0302");   // marks in the order of their classes
  EXPECT_EQ(CanonicalForm("\ud55c"), "\u1112\u1161\u11ab");     // Hangul, three parts
  EXPECT_EQ(CanonicalForm("\uac00"), "\u1100\u1161");           // and two
  EXPECT_EQ(CanonicalForm("\u212b"), CanonicalForm("\u00c5"));  // one character for another
  EXPECT_EQ(CanonicalForm("\U0002F800"), "\u4e3d");
}

TEST(UnicodeTest, OthersStayAsTheyAre) {
  for (const char* text : {"", "plain_key", "e", "\u00df", "\u65e5\u672c", "\U0001F600", "\ufb01"}) {
    EXPECT_EQ(CanonicalForm(text), text);
  }
  EXPECT_NE(CanonicalForm("resume"), CanonicalForm("r\u00e9sum\u00e9"));
}

}  // namespace
}  // namespace moulin
