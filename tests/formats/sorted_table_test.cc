#include "formats/sorted_table.h"

#include "formats/crc32c.h"
#include "formats/snappy.h"
#include "tests/formats/format_test.h"
#include "tests/formats/table_builder.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;
using Entries = TableBuilder::Entries;

StatusOr<Entries> ReadAll(const std::string& file, const Limits& limits = {}) {
  Entries entries;
  const Status status = ReadSortedTable(file, limits, [&](absl::string_view key, absl::string_view value) {
    entries.emplace_back(key, value);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return entries;
}

StatusOr<Entries> ReadBlockOf(const std::string& block, char compression = 0) {
  TableBuilder builder;
  builder.AddData(block, compression);
  return ReadAll(builder.Finish());
}

// The check values of RFC 3720, B.4.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32c(Crc32c("1234"), "56789", 5), 0xe3069283u);
}

TEST(Snappy, LiteralsAndCopies) {
  EXPECT_EQ(*Unsnappy(std::string("\x05\x10hello", 7)), "hello");
  // "ab", then 6 bytes from 2 back, which overlap what they write.
  EXPECT_EQ(*Unsnappy(std::string("\x08\x04"
                                  "ab"
                                  "\x09\x02",
                                  6)),
            "abababab");  // a copy of 6: (6-4)<<2 | 1
  EXPECT_EQ(*Unsnappy(std::string("\x08\x04"
                                  "ab"
                                  "\x16\x02\x00",
                                  7)),
            "abababab");
  EXPECT_EQ(*Unsnappy(std::string("\x08\x04"
                                  "ab"
                                  "\x17\x02\x00\x00\x00",
                                  9)),
            "abababab");
  const std::string longer(300, 'x');
  EXPECT_EQ(*Unsnappy("\xac\x02" + std::string("\xf4\x2b\x01", 3) + longer), longer);
  EXPECT_EQ(*Unsnappy(std::string(1, '\0')), "");
}

TEST(Snappy, MalformedIsRefused) {
  const std::string good(
      "\x08\x04"
      "ab"
      "\x09\x02",
      6);
  for (size_t n = 0; n < good.size(); ++n) EXPECT_THAT(Unsnappy(good.substr(0, n)), FailsWith("E_PARSE")) << n;
  EXPECT_THAT(Unsnappy(std::string("\xff\xff\xff\xff\x0f\x04"
                                   "ab",
                                   8)),
              FailsWith("E_PARSE"));  // declares 4 GiB
  EXPECT_THAT(Unsnappy(std::string("\x08\x04"
                                   "ab"
                                   "\x09\x03",
                                   6)),
              FailsWith("E_PARSE"));  // from before the start
  EXPECT_THAT(Unsnappy(std::string("\x08\x04"
                                   "ab"
                                   "\x09\x00",
                                   6)),
              FailsWith("E_PARSE"));  // from itself
  EXPECT_THAT(Unsnappy(std::string("\x03\x04"
                                   "ab"
                                   "\x09\x02",
                                   6)),
              FailsWith("E_PARSE"));  // more than declared
  EXPECT_THAT(Unsnappy(std::string("\x02\xfc\xff\xff\xff\xff"
                                   "ab",
                                   8)),
              FailsWith("E_PARSE"));  // a 4 GiB literal
}

TEST(SortedTable, EntriesOfSeveralBlocks) {
  TableBuilder builder;
  builder.AddData(TableBuilder::Entry(0, "net/a", "1") + TableBuilder::Entry(4, "b", "2") + TableBuilder::End());
  builder.AddData(TableBuilder::Snappy(TableBuilder::Block({{"net/c", std::string(500, 'v')}})), 1);
  const auto entries = ReadAll(builder.Finish());
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(*entries, (Entries{{"net/a", "1"}, {"net/b", "2"}, {"net/c", std::string(500, 'v')}}));
}

TEST(SortedTable, EveryTruncationAndFlippedByteIsRefused) {
  const std::string good = TableBuilder::Table({{"", "header"}, {"a", "one"}, {"b", "two"}});
  ASSERT_TRUE(ReadAll(good).ok());
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(ReadAll(good.substr(0, n)).ok()) << n;
  const auto whole = *ReadAll(good);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    const auto read = ReadAll(bad);
    // The block of metadata is not read, and a footer is padded.
    if (read.ok()) {
      EXPECT_EQ(*read, whole) << i;
    } else {
      EXPECT_THAT(Message(read), HasSubstr("table")) << i;
    }
  }
}

TEST(SortedTable, AnotherEndIsTold) {
  std::string bytes = TableBuilder::Table({{"a", ""}});
  bytes.back() = 'x';
  EXPECT_THAT(ReadAll(bytes), FailsWith("E_DATA"));
  EXPECT_FALSE(LooksLikeSortedTable(bytes));
  EXPECT_THAT(ReadAll(bytes.substr(bytes.size() - 47)), FailsWith("E_DATA")) << "a footer that is cut";
  EXPECT_THAT(ReadAll(""), FailsWith("E_DATA"));
}

TEST(SortedTable, PlacesBeyondTheFile) {
  for (const std::string& place : {Varint(0) + Varint(1 << 20), Varint(1 << 20) + Varint(0),
                                   Varint(UINT64_MAX) + Varint(2), Varint(8) + Varint(UINT64_MAX)}) {
    TableBuilder footer;
    footer.Add(TableBuilder::End());
    EXPECT_THAT(ReadAll(footer.FinishWith(Varint(0) + Varint(8) + place)), FailsWith("E_DATA"));
    TableBuilder index;
    index.AddPlace(place);
    EXPECT_THAT(ReadAll(index.Finish()), FailsWith("E_DATA"));
  }
}

TEST(SortedTable, BlocksMustFollowEachOther) {
  TableBuilder builder;
  const std::string place = builder.Add(TableBuilder::End());
  for (int i = 0; i < 2; ++i) builder.AddPlace(place);
  EXPECT_THAT(ReadAll(builder.Finish()), FailsWith("E_PARSE"));
}

TEST(SortedTable, MalformedBlocks) {
  EXPECT_THAT(ReadBlockOf(""), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadBlockOf(Fixed32(0xffffffff)), FailsWith("E_PARSE"));  // 4 G restart points
  EXPECT_THAT(ReadBlockOf(TableBuilder::Entry(3, "abc", "") + TableBuilder::End()), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadBlockOf(Varint(0) + Varint(1 << 30) + Varint(0) + TableBuilder::End()), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadBlockOf(Varint(0) + Varint(0) + Varint(UINT64_MAX) + TableBuilder::End()), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadBlockOf(TableBuilder::End(), 2), FailsWith("E_PARSE"));        // zstd
  EXPECT_THAT(ReadBlockOf(Varint(uint64_t{4} << 30), 1), FailsWith("E_PARSE"));  // Snappy of 4 GiB
}

TEST(SortedTable, KeysOutOfOrderOrTwice) {
  EXPECT_THAT(ReadAll(TableBuilder::Table({{"b", ""}, {"a", ""}})), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadAll(TableBuilder::Table({{"a", ""}, {"a", ""}})), FailsWith("E_DUP"));
  EXPECT_THAT(ReadAll(TableBuilder::Table({{"", ""}, {"", ""}})), FailsWith("E_DUP"));
}

TEST(SortedTable, Limits) {
  moulin::Limits limits;
  limits.nodes = 2;
  EXPECT_TRUE(ReadAll(TableBuilder::Table({{"a", ""}, {"b", ""}}), limits).ok());
  EXPECT_THAT(ReadAll(TableBuilder::Table({{"a", ""}, {"b", ""}, {"c", ""}}), limits), FailsWith("E_LIMIT"));
  limits.name_bytes = 1;
  EXPECT_THAT(ReadAll(TableBuilder::Table({{std::string(17, 'a'), ""}}), limits), FailsWith("E_LIMIT"));
}

// Three bytes an entry that each spell out to 50 000 bytes of key.
TEST(SortedTable, KeysThatMultiplyAreRefused) {
  std::string block = TableBuilder::Entry(0, std::string(50'000, 'a'), "");
  for (int i = 0; i < 100'000; ++i) block += TableBuilder::Entry(49'990 + i % 8, "b", "");
  EXPECT_FALSE(ReadBlockOf(block + TableBuilder::End()).ok());
  std::string growing = TableBuilder::Entry(0, std::string(50'000, 'a'), "");
  for (int i = 0; i < 15'000; ++i) growing += TableBuilder::Entry(50'000 + i, "b", "");
  EXPECT_THAT(ReadBlockOf(growing + TableBuilder::End()), FailsWith("E_LIMIT"));
}

}  // namespace
}  // namespace moulin
