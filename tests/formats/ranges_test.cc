// Files of ranges, written, read back, and malformed in every way that has an error of its own.
#include "moulin/quantization.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RangesTest : public FormatTest {
 protected:
  StatusOr<std::vector<TensorRange>> Read(const std::string& text) { return LoadRanges(Write("ranges.json", text)); }
};

TEST_F(RangesTest, ReadsWhatItWrote) {
  const std::string path = Path("ranges.json");
  const std::vector<TensorRange> ranges = {{"conv1/Relu:0", 0, 5.3f}, {"with \"quotes\" \n:0", -1e-30f, 3.4e38f}};
  ASSERT_TRUE(SaveRanges(path, ranges).ok());
  const auto read = LoadRanges(path);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*read)[i].tensor, ranges[i].tensor);
    EXPECT_EQ((*read)[i].min, ranges[i].min);
    EXPECT_EQ((*read)[i].max, ranges[i].max);
  }
  EXPECT_THAT(LoadRanges(Path("absent")), FailsWith("E_FILE"));
}

TEST_F(RangesTest, AnEmptyListIsOne) { EXPECT_TRUE(Read(R"({"ranges": []})").ok()); }

TEST_F(RangesTest, EachFaultHasOneError) {
  const auto range = [](const std::string& row) { return R"({"ranges": [)" + row + "]}"; };
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"), std::string(R"({"ranges": {}})"),
        range("1"), range("{}"), range(R"({"tensor": 1, "min": 0, "max": 1})"), range(R"({"tensor": "x:0", "max": 1})"),
        range(R"({"tensor": "x:0", "min": "0", "max": 1})"), range(R"({"tensor": "x:0", "min": null, "max": 1})"),
        range(R"({"tensor": "x:0", "min": NaN, "max": 1})")}) {
    EXPECT_THAT(Read(text), FailsWith("E_PARSE")) << text;
    EXPECT_THAT(Message(Read(text)), HasSubstr("ranges.json")) << text;
  }
  EXPECT_THAT(Message(Read(range(R"({"tensor": "x:0", "min": 0, "max": 1e60})"))),
              AllOf(HasSubstr("E_VALUE"), HasSubstr("\"x:0\""), HasSubstr("not finite")));
  EXPECT_THAT(Message(Read(range(R"({"tensor": "x:0", "min": 2, "max": 1})"))),
              AllOf(HasSubstr("E_VALUE"), HasSubstr("min 2 is above max 1")));
  EXPECT_THAT(Message(Read(range(R"({"tensor": "x:0", "min": 0, "max": 1}, {"tensor": "x:0", "min": 0, "max": 1})"))),
              AllOf(HasSubstr("E_DUP"), HasSubstr("\"x:0\"")));
  EXPECT_THAT(Read(std::string(1000, '[')), FailsWith("E_LIMIT"));
}

}  // namespace
}  // namespace moulin
