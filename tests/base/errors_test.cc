#include "base/errors.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(ErrorsTest, MessageStartsWithItsCode) {
  const Status s = MakeError(ErrorCode::kShape, "expected ", 2, ", found ", 3);
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(s.message(), "E_SHAPE: expected 2, found 3");
}

TEST(ErrorsTest, EachPlaceIsNamedOnce) {
  Status s = AtNode(MakeError(ErrorCode::kAttribute, "x"), "conv1", "Conv2D");
  s = AtNode(s, "outer", "PartitionedCall");
  s = AtFile(AtFile(s, "a.pb"), "b.pb");
  EXPECT_EQ(s.message(), "E_ATTR: x; node \"conv1\" (op Conv2D); file \"a.pb\"");
  EXPECT_TRUE(AtNode(absl::OkStatus(), "n", "Op").ok());
}

TEST(ErrorsTest, PrintableHidesControlCharactersAndCuts) {
  EXPECT_EQ(Printable("a\n\x1b[31m"), "a\\n\\x1b[31m");
  const std::string cut = Printable(std::string(1 << 20, 'x'), 10);
  EXPECT_EQ(cut, "xxxxxxxxxx... (1048576 bytes)");
}

TEST(ErrorsTest, EveryCodeHasAName) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const auto c = static_cast<ErrorCode>(code);
    EXPECT_EQ(ErrorName(c).substr(0, 2), "E_");
    if (c != ErrorCode::kInternal) {
      EXPECT_NE(ErrorName(c), "E_INTERNAL") << code;
    }
  }
}

}  // namespace
}  // namespace moulin
