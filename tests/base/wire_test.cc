#include "base/wire.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin {
namespace {

using std::string_literals::operator""s;

// Field 1: 300; field 2: "abc"; field 3: fixed32 0x04030201; field 4: fixed64 0x0807060504030201.
const std::string kAllKinds = "\x08\xAC\x02"s +
                              "\x12\x03"
                              "abc"s +
                              "\x1D\x01\x02\x03\x04"s + "\x21\x01\x02\x03\x04\x05\x06\x07\x08"s;

std::vector<WireField> ReadAll(WireReader& reader) {
  std::vector<WireField> fields;
  for (WireField field; reader.Next(&field);) fields.push_back(field);
  return fields;
}

TEST(WireTest, FieldsOfEveryKind) {
  WireReader reader(kAllKinds);
  const std::vector<WireField> fields = ReadAll(reader);
  EXPECT_EQ(reader.fault(), nullptr);
  ASSERT_EQ(fields.size(), 4);
  EXPECT_EQ(fields[0].number, 1);
  EXPECT_EQ(fields[0].type, WireType::kVarint);
  EXPECT_EQ(fields[0].value, 300);
  EXPECT_EQ(fields[1].number, 2);
  EXPECT_EQ(fields[1].type, WireType::kBytes);
  EXPECT_EQ(fields[1].payload, "abc");
  EXPECT_EQ(fields[1].offset, 3);
  EXPECT_EQ(fields[2].type, WireType::kFixed32);
  EXPECT_EQ(fields[2].value, 0x04030201);
  EXPECT_TRUE(fields[2].payload.empty()) << "left from the field before";
  EXPECT_EQ(fields[3].type, WireType::kFixed64);
  EXPECT_EQ(fields[3].value, 0x0807060504030201);
}

TEST(WireTest, EveryCutThatIsNotBetweenFieldsIsAFault) {
  for (size_t size = 0; size < kAllKinds.size(); ++size) {
    WireReader reader(absl::string_view(kAllKinds).substr(0, size));
    ReadAll(reader);
    const bool whole = size == 0 || size == 3 || size == 8 || size == 13;
    EXPECT_EQ(reader.fault() == nullptr, whole) << size;
    EXPECT_LE(reader.offset(), size);
  }
}

struct Faulty {
  std::string bytes;
  std::string fault;
  int64_t offset;
};

TEST(WireTest, FaultsAreNamedWithTheirPlace) {
  const Faulty cases[] = {
      {"\x08\x80"s, "a number is cut short", 1},
      {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s, "a number has more than 10 bytes", 1},
      {"\x12\x04"
       "abc"s,
       "a field goes beyond the end of its message", 2},
      {"\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
       "abc"s,
       "a field goes beyond the end of its message", 11},
      {"\x00\x01"s, "a field has an impossible number", 1},
      {"\x88\x80\x80\x80\x80\x01\x01"s, "a field has an impossible number", 6},
      {"\x0B\x0C"s, "a field is of a kind that proto3 does not have", 1},
  };
  for (const Faulty& c : cases) {
    WireReader reader(c.bytes);
    EXPECT_TRUE(ReadAll(reader).empty()) << c.fault;
    ASSERT_NE(reader.fault(), nullptr) << c.fault;
    EXPECT_EQ(reader.fault(), c.fault);
    EXPECT_EQ(reader.offset(), c.offset) << c.fault;
  }
}

TEST(WireTest, NothingIsReadAfterAFault) {
  WireReader reader("\x0B\x08\x01");
  WireField field;
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_NE(reader.fault(), nullptr);
}

TEST(WireTest, VarintsOfAllLengths) {
  for (int bits = 0; bits < 64; ++bits) {
    const uint64_t value = uint64_t{1} << bits;
    std::string bytes;
    for (uint64_t rest = value; bytes.empty() || rest != 0; rest >>= 7) {
      bytes.push_back(static_cast<char>((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0)));
    }
    bytes.push_back('x');
    absl::string_view rest = bytes;
    uint64_t read = 0;
    EXPECT_EQ(TakeWireVarint(&rest, &read), nullptr);
    EXPECT_EQ(read, value);
    EXPECT_EQ(rest, "x");
  }
}

}  // namespace
}  // namespace moulin
