#include "formats/npz.h"

#include <zlib.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "formats/npy.h"
#include "formats/zip.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class NpzTest : public FormatTest {
 protected:
  std::string Archive(const NamedTensors& tensors, NpzCompression compression) {
    EXPECT_TRUE(WriteNpz(Path("a.npz"), tensors, compression).ok());
    return Read(Path("a.npz"));
  }
};

NamedTensors SomeTensors() {
  return {{"x", Tensor::Of<float>({2, 2}, {1, 2, 3, 4})},
          {"names", Tensor::OfStrings({2}, {"a", "long name"})},
          {"scope/y:0", Tensor::Scalar<int64_t>(-1)},
          {"none", Tensor::Of<uint8_t>({0}, {})}};
}

std::string Zip(const std::vector<std::pair<std::string, std::string>>& entries, bool deflate) {
  std::string bytes;
  ZipWriter zip([&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  for (const auto& [name, content] : entries) EXPECT_TRUE(zip.Add(name, content, "", deflate).ok());
  EXPECT_TRUE(zip.Finish().ok());
  return bytes;
}

void PutLittleEndian(uint64_t value, int size, size_t at, std::string* bytes) {
  for (int i = 0; i < size; ++i) (*bytes)[at + i] = static_cast<char>(value >> (8 * i));
}

constexpr char kEntry[] = "PK\x01\x02";
constexpr char kEnd[] = "PK\x05\x06";

TEST_F(NpzTest, ReadsWhatItWrote) {
  for (NpzCompression compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    ASSERT_TRUE(WriteNpz(Path("a.npz"), SomeTensors(), compression).ok());
    const auto back = ReadNpz(Path("a.npz"));
    ASSERT_TRUE(back.ok()) << back.status();
    const NamedTensors written = SomeTensors();
    ASSERT_EQ(back->size(), written.size());
    for (size_t i = 0; i < written.size(); ++i) {
      EXPECT_EQ((*back)[i].first, written[i].first);
      EXPECT_EQ((*back)[i].second.ToString(100), written[i].second.ToString(100));
    }
  }
}

TEST_F(NpzTest, NothingInIt) {
  ASSERT_TRUE(WriteNpz(Path("a.npz"), {}).ok());
  EXPECT_EQ(ReadNpz(Path("a.npz"))->size(), 0);
}

TEST_F(NpzTest, SameTensorsSameBytes) {
  EXPECT_EQ(Archive(SomeTensors(), NpzCompression::kDeflated), Archive(SomeTensors(), NpzCompression::kDeflated));
}

TEST_F(NpzTest, LargeArraysSpanManyPieces) {
  std::vector<int32_t> values(1 << 20);
  uint32_t state = 1;
  for (int32_t& v : values) v = static_cast<int32_t>(state = state * 1664525u + 1013904223u);
  const NamedTensors tensors = {{"v", Tensor::Of<int32_t>({1 << 20}, values)}};
  for (NpzCompression compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    const auto back = ParseNpz(Archive(tensors, compression));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(std::memcmp(back->at(0).second.data(), values.data(), 4 << 20), 0);
  }
}

TEST_F(NpzTest, RefusesWhatCannotBeWritten) {
  const Tensor one = Tensor::Scalar<float>(1);
  EXPECT_THAT(WriteNpz(Path("a.npz"), {{"x", one}, {"x", one}}), FailsWith("E_DUP"));
  EXPECT_THAT(WriteNpz(Path("a.npz"), {{"", one}}), FailsWith("E_NAME"));
  const Tensor none;
  EXPECT_THAT(WriteNpz(Path("a.npz"), {{"x", none}}), FailsWith("E_DTYPE"));
  EXPECT_THAT(WriteNpz(Path("no/a.npz"), {{"x", one}}), FailsWith("E_FILE"));
  EXPECT_FALSE(std::filesystem::exists(Path("a.npz")));
}

TEST_F(NpzTest, TruncatedAtEveryByte) {
  for (NpzCompression compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    const std::string whole = Archive(SomeTensors(), compression);
    for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(ParseNpz(whole.substr(0, size)).ok()) << size;
    EXPECT_THAT(ParseNpz(whole.substr(0, whole.size() - 1)), FailsWith("E_DATA"));
  }
  EXPECT_THAT(ParseNpz(""), FailsWith("E_EMPTY"));
  EXPECT_THAT(ParseNpz("no archive"), FailsWith("E_PARSE"));
}

// A changed byte is found by one check or another, or lies where nothing depends on it (times, attributes).
TEST_F(NpzTest, EveryByteChanged) {
  const NamedTensors tensors = SomeTensors();
  for (NpzCompression compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    const std::string whole = Archive(tensors, compression);
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x55);
      const auto back = ParseNpz(changed);
      if (!back.ok()) continue;
      ASSERT_EQ(back->size(), tensors.size());
      for (size_t i = 0; i < tensors.size(); ++i) {
        EXPECT_EQ((*back)[i].second.ToString(100), tensors[i].second.ToString(100)) << at;
      }
    }
  }
}

TEST_F(NpzTest, ChecksumIsChecked) {
  std::string bytes = Archive({{"x", Tensor::Of<float>({2}, {1, 2})}}, NpzCompression::kStored);
  const size_t element = bytes.find(kEntry) - 1;
  bytes[element] = static_cast<char>(bytes[element] ^ 1);
  EXPECT_THAT(Message(ParseNpz(bytes)), AllOf(HasSubstr("E_DATA"), HasSubstr("CRC"), HasSubstr("array \"x\"")));
}

TEST_F(NpzTest, DuplicateNames) {
  const std::string one = EncodeNpy(Tensor::Scalar<float>(1)).value();
  EXPECT_THAT(ParseNpz(Zip({{"x.npy", one}, {"x.npy", one}}, false)), FailsWith("E_DUP"));
  EXPECT_THAT(ParseNpz(Zip({{"x.npy", one}, {"x", one}}, false)), FailsWith("E_DUP"));
}

TEST_F(NpzTest, EntriesThatAreNoArrays) {
  EXPECT_THAT(Message(ParseNpz(Zip({{"readme.txt", "hello"}}, true))),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("readme.txt")));
}

// Names are names: nothing is written where they point, and no two that differ are one.
TEST_F(NpzTest, NamesThatLookLikePaths) {
  const std::string one = EncodeNpy(Tensor::Scalar<float>(1)).value();
  std::vector<std::pair<std::string, std::string>> entries;
  for (const char* name : {"../x.npy", "/etc/x.npy", "C:\\x.npy", "a\\..\\x.npy", "a/b.npy", "A.npy", "a.npy"}) {
    entries.emplace_back(name, one);
  }
  const auto tensors = ReadNpz(Write("paths.npz", Zip(entries, false)));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), entries.size());
  EXPECT_EQ(tensors->at(0).first, "../x");
  EXPECT_FALSE(std::filesystem::exists(Path("../x.npy")));
}

TEST_F(NpzTest, AnArchiveInAnArchiveIsNoArray) {
  const std::string inner = Zip({{"x.npy", EncodeNpy(Tensor::Scalar<float>(1)).value()}}, true);
  EXPECT_THAT(Message(ParseNpz(Zip({{"inner.npz", inner}}, true))),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("inner.npz")));
}

TEST_F(NpzTest, AnnouncedSizesMustBeTrue) {
  const std::string content(1000, 'x');
  const std::string whole = Zip({{"x.npy", content}}, /*deflate=*/true);
  const size_t entry = whole.find(kEntry);
  for (uint64_t size : {0u, 999u, 1001u, 0xFFFFFFFEu}) {
    std::string bytes = whole;
    PutLittleEndian(size, 4, entry + 24, &bytes);
    const auto entries = ListZip(bytes, Limits());
    if (!entries.ok()) continue;  // a ratio beyond belief
    std::string buffer;
    EXPECT_THAT(UnpackEntry(entries->at(0), &buffer), FailsWith("E_DATA")) << size;
    EXPECT_LT(buffer.size(), 2000);
  }
}

TEST_F(NpzTest, BombsAreRefused) {
  const std::string zeros(65 << 20, '\0');
  EXPECT_THAT(ListZip(Zip({{"x.npy", zeros}}, true), Limits()), FailsWith("E_LIMIT"));
  EXPECT_TRUE(ListZip(Zip({{"x.npy", zeros.substr(0, 10 << 20)}}, true), Limits()).ok());
  // Two entries of the directory for the same bytes.
  std::string bytes = Zip({{"a.npy", "same"}}, false);
  const size_t entry = bytes.find(kEntry);
  const std::string directory = bytes.substr(entry, bytes.find(kEnd) - entry);
  std::string twin = directory;
  twin[46] = 'b';
  bytes.insert(entry + directory.size(), twin);
  const size_t end = bytes.find(kEnd);
  PutLittleEndian(2, 2, end + 8, &bytes);
  PutLittleEndian(2, 2, end + 10, &bytes);
  PutLittleEndian(2 * directory.size(), 4, end + 12, &bytes);
  EXPECT_THAT(ListZip(bytes, Limits()), FailsWith("E_DATA"));
}

TEST_F(NpzTest, EntriesAreBounded) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (int i = 0; i < 70'000; ++i) entries.emplace_back(absl::StrCat(i), "");
  const std::string bytes = Zip(entries, false);  // more than 16 bits count: the 64-bit form
  EXPECT_EQ(ListZip(bytes, Limits())->size(), 70'000);
  Limits limits;
  limits.bundle_entries = 69'999;
  EXPECT_THAT(ListZip(bytes, limits), FailsWith("E_LIMIT"));
}

TEST_F(NpzTest, OtherKindsOfZipAreRefused) {
  const std::string whole = Zip({{"x.npy", "content"}}, false);
  const size_t entry = whole.find(kEntry);
  std::string encrypted = whole;
  encrypted[entry + 8] |= 1;
  EXPECT_THAT(ListZip(encrypted, Limits()), FailsWith("E_UNSUPPORTED"));
  std::string bzip2 = whole;
  bzip2[entry + 10] = 12;
  EXPECT_THAT(ListZip(bzip2, Limits()), FailsWith("E_UNSUPPORTED"));
}

TEST_F(NpzTest, OffsetsOutsideAreRefused) {
  const std::string whole = Zip({{"x.npy", "content"}}, false);
  const size_t entry = whole.find(kEntry);
  for (uint64_t offset : {1ul, whole.size(), 0xFFFFFFFEul, 0xFFFFFFFFul}) {
    std::string bytes = whole;
    PutLittleEndian(offset, 4, entry + 42, &bytes);
    EXPECT_THAT(ListZip(bytes, Limits()), FailsWith("E_DATA")) << offset;
  }
  for (uint64_t offset : {uint64_t{1}, uint64_t{0xFFFFFFFF}}) {
    std::string bytes = whole;
    PutLittleEndian(offset, 4, whole.find(kEnd) + 16, &bytes);
    EXPECT_THAT(ListZip(bytes, Limits()), FailsWith("E_DATA")) << offset;
  }
}

TEST_F(NpzTest, ArchiveCommentIsSkipped) {
  std::string bytes = Zip({{"x.npy", EncodeNpy(Tensor::Scalar<float>(1)).value()}}, false);
  PutLittleEndian(5, 2, bytes.size() - 2, &bytes);
  EXPECT_EQ(ParseNpz(bytes + "hello")->size(), 1);
}

TEST_F(NpzTest, ErrorsNameTheFile) {
  EXPECT_THAT(ReadNpz(Path("absent.npz")), FailsWith("E_FILE"));
  EXPECT_THAT(Message(ReadNpz(Write("bad.npz", "junk"))), HasSubstr("bad.npz"));
}

}  // namespace
}  // namespace moulin
