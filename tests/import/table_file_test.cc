#include "import/table_file.h"

#include <google/protobuf/text_format.h>

#include "gmock/gmock.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Attrs {
  int64_t key = -1, value = -2, size = -1, offset = 0;
  std::string delimiter = "\t";
};

tf::NodeDef Filler(const Attrs& attrs) {
  tf::NodeDef node;
  (*node.mutable_attr())["key_index"].set_i(attrs.key);
  (*node.mutable_attr())["value_index"].set_i(attrs.value);
  (*node.mutable_attr())["vocab_size"].set_i(attrs.size);
  (*node.mutable_attr())["offset"].set_i(attrs.offset);
  (*node.mutable_attr())["delimiter"].set_s(attrs.delimiter);
  return node;
}

std::string ErrorOf(const std::string& text, const Attrs& attrs, DType key = DType::kString,
                    DType value = DType::kInt64) {
  return std::string(ReadTableFile(text, Filler(attrs), key, value).status().message());
}

TEST(TableFileTest, LinesAndTheirNumbers) {
  for (const char* text : {"a\nb c\nd\n", "a\nb c\nd", "a\r\nb c\r\nd\r\n"}) {
    const auto table = ReadTableFile(text, Filler({}), DType::kString, DType::kInt64);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_THAT(table->keys.strings(), ElementsAre("a", "b c", "d"));
    EXPECT_THAT(table->values.values<int64_t>(), ElementsAre(0, 1, 2));
  }
  const auto reversed = ReadTableFile("a\nb\nc\n", Filler({.key = -2, .value = -1, .size = 2, .offset = 5}),
                                      DType::kInt64, DType::kString);
  ASSERT_TRUE(reversed.ok()) << reversed.status();
  EXPECT_THAT(reversed->keys.values<int64_t>(), ElementsAre(5, 6));
  EXPECT_THAT(reversed->values.strings(), ElementsAre("a", "b"));
}

TEST(TableFileTest, Columns) {
  const auto table = ReadTableFile("1;x;2.5\n-3;y;1e3\n", Filler({.key = 0, .value = 2, .delimiter = ";"}),
                                   DType::kInt32, DType::kFloat32);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->keys.values<int32_t>(), ElementsAre(1, -3));
  EXPECT_THAT(table->values.values<float>(), ElementsAre(2.5f, 1000.f));
}

TEST(TableFileTest, NoLines) {
  const auto table = ReadTableFile("", Filler({}), DType::kString, DType::kInt64);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->keys.num_elements(), 0);
}

TEST(TableFileTest, Malformed) {
  EXPECT_THAT(ErrorOf("a\n\nb\n", {}), HasSubstr("line 2 is empty"));
  EXPECT_THAT(ErrorOf("a\tb\nc\n", {.key = 1}), HasSubstr("line 2 has 1 columns, column 1 is asked for"));
  EXPECT_THAT(ErrorOf("a\t1\nb\tx\n", {.key = 0, .value = 1}), HasSubstr("line 2: \"x\" is no int64"));
  EXPECT_THAT(ErrorOf("a\n", {.size = 2}), HasSubstr("the file has 1 lines, the table is to have 2"));
  EXPECT_THAT(ErrorOf("a\n", {}, DType::kInt64),
              HasSubstr("E_DTYPE: a whole line is string, the table's type is int64"));
  EXPECT_THAT(ErrorOf("a\n", {}, DType::kString, DType::kInt32), HasSubstr("E_DTYPE"));
  EXPECT_THAT(ErrorOf("a\n", {.key = -3}), HasSubstr("E_ATTR"));
  EXPECT_THAT(ErrorOf("a\n", {.delimiter = ""}), HasSubstr("E_ATTR"));
  EXPECT_THAT(ErrorOf("1\t2\n", {.key = 0, .value = 1}, DType::kBool), HasSubstr("E_DTYPE"));
}

}  // namespace
}  // namespace moulin
