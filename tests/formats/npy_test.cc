#include "formats/npy.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/half.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A .npy file as numpy.save writes it, of the given version.
std::string Npy(const std::string& descr, const std::string& shape, const std::string& elements,
                const std::string& fortran_order = "False", int version = 1) {
  std::string header =
      absl::StrCat("{'descr': '", descr, "', 'fortran_order': ", fortran_order, ", 'shape': ", shape, ", }");
  header.append(64 - (header.size() + 11) % 64, ' ');
  header.push_back('\n');
  std::string bytes = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes.push_back(static_cast<char>(header.size() >> (8 * i)));
  return bytes + header + elements;
}

template <typename T>
std::string Bytes(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T));
}

std::string Reversed(std::string bytes) { return std::string(bytes.rbegin(), bytes.rend()); }

TEST(Npy, EveryTypeComesBack) {
  const Tensor tensors[] = {
      Tensor::Of<bool>({2}, {true, false}),
      Tensor::Of<int8_t>({2}, {-128, 127}),
      Tensor::Of<int16_t>({1}, {-32768}),
      Tensor::Of<int32_t>({1}, {INT32_MIN}),
      Tensor::Of<int64_t>({1}, {INT64_MIN}),
      Tensor::Of<uint8_t>({1}, {255}),
      Tensor::Of<uint16_t>({1}, {65535}),
      Tensor::Of<uint32_t>({1}, {UINT32_MAX}),
      Tensor::Of<uint64_t>({1}, {UINT64_MAX}),
      Tensor::Of<Half>({2}, {Half(1.5f), Half(-2.0f)}),
      Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}),
      Tensor::Of<double>({1, 1, 1}, {0.1}),
      Tensor::Of<float>({2}, {1, 2}).Reinterpreted(DType::kComplex64, {1}),
      Tensor::Of<double>({2}, {1, 2}).Reinterpreted(DType::kComplex128, {1}),
      Tensor::OfStrings({2}, {"", "abc"}),
      Tensor::Scalar<float>(7),
      Tensor::Of<float>({0, 4}, {}),
      Tensor::OfStrings({0}, {}),
  };
  for (const Tensor& tensor : tensors) {
    const auto bytes = EncodeNpy(tensor);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto back = ParseNpy(*bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->ToString(100), tensor.ToString(100));
  }
}

TEST(Npy, WritesWhatNumpyWrites) {
  EXPECT_EQ(EncodeNpy(Tensor::Of<float>({3}, {1, 2, 3})).value(), Npy("<f4", "(3,)", Bytes<float>({1, 2, 3})));
  EXPECT_EQ(EncodeNpy(Tensor::Of<bool>({1, 2}, {true, false})).value(), Npy("|b1", "(1, 2)", std::string("\1\0", 2)));
  EXPECT_EQ(EncodeNpy(Tensor::OfStrings({2}, {"ab", "c"})).value(), Npy("|S2", "(2,)", std::string("abc\0", 4)));
  EXPECT_EQ(EncodeNpy(Tensor::Scalar<int64_t>(5)).value(), Npy("<i8", "()", Bytes<int64_t>({5})));
}

TEST(Npy, ElementsAreAligned) {
  for (int rank = 0; rank < 40; ++rank) {
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push_back(1);
    EXPECT_EQ(EncodeNpyHeader(Tensor::Of<float>(shape, {1}))->size() % 64, 0) << rank;
  }
}

TEST(Npy, EveryVersion) {
  for (int version : {1, 2, 3}) {
    const auto tensor = ParseNpy(Npy("<i4", "(2,)", Bytes<int32_t>({1, 2}), "False", version));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_THAT(tensor->values<int32_t>(), ElementsAre(1, 2));
  }
  EXPECT_THAT(ParseNpy(Npy("<i4", "(0,)", "", "False", 4)), FailsWith("E_PARSE"));
}

TEST(Npy, HeaderMayBeSpelledOtherwise) {
  std::string header = "{\"shape\":(2L,1),'fortran_order':False,\"descr\":'<i4'}";
  const std::string bytes = std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header;
  const auto tensor = ParseNpy(bytes + Bytes<int32_t>({3, 4}));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->shape(), Shape({2, 1}));
}

TEST(Npy, ColumnMajor) {
  // 2x3: columns (1,4), (2,5), (3,6).
  const auto tensor = ParseNpy(Npy("<i4", "(2, 3)", Bytes<int32_t>({1, 4, 2, 5, 3, 6}), "True"));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->values<int32_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  // 2x2x2, element [i,j,k] = 100i + 10j + k, first index fastest.
  const auto cube = ParseNpy(Npy("<i4", "(2, 2, 2)", Bytes<int32_t>({0, 100, 10, 110, 1, 101, 11, 111}), "True"));
  EXPECT_THAT(cube->values<int32_t>(), ElementsAre(0, 1, 10, 11, 100, 101, 110, 111));
  const auto strings = ParseNpy(Npy("|S1", "(2, 2)", "acbd", "True"));
  EXPECT_THAT(strings->strings(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(ParseNpy(Npy("<i4", "(0, 3)", "", "True"))->num_elements(), 0);
}

TEST(Npy, BigEndian) {
  EXPECT_THAT(ParseNpy(Npy(">f4", "(1,)", Reversed(Bytes<float>({1.5f}))))->values<float>(), ElementsAre(1.5f));
  const auto number = ParseNpy(Npy(">c8", "(1,)", Reversed(Bytes<float>({1})) + Reversed(Bytes<float>({2}))));
  EXPECT_EQ(static_cast<const float*>(number->data())[1], 2);
  EXPECT_THAT(ParseNpy(Npy(">U1", "(1,)", std::string("\0\0\0A", 4)))->strings(), ElementsAre("A"));
  EXPECT_THAT(ParseNpy(Npy(">S2", "(1,)", "ab"))->strings(), ElementsAre("ab"));
  const auto columns = ParseNpy(Npy(">i2", "(2, 2)", std::string("\0\1\0\2\0\3\0\4", 8), "True"));
  EXPECT_THAT(columns->values<int16_t>(), ElementsAre(1, 3, 2, 4));
}

TEST(Npy, StringsLoseTrailingNulsOnly) {
  const auto tensor = ParseNpy(Npy("|S4", "(3,)",
                                   std::string("a\0b\0"
                                               "\0\0\0\0"
                                               "abcd",
                                               12)));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->strings(), ElementsAre(std::string("a\0b", 3), "", "abcd"));
}

TEST(Npy, UnicodeBecomesUtf8) {
  const auto tensor = ParseNpy(Npy("<U2", "(2,)", Bytes<uint32_t>({0x20AC, 0x1F600, 'x', 0})));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->strings(), ElementsAre("\xE2\x82\xAC\xF0\x9F\x98\x80", "x"));
  EXPECT_THAT(ParseNpy(Npy("<U1", "(1,)", Bytes<uint32_t>({0xD800}))), FailsWith("E_DATA"));
  EXPECT_THAT(ParseNpy(Npy("<U1", "(1,)", Bytes<uint32_t>({0x110000}))), FailsWith("E_DATA"));
}

TEST(Npy, BoolBytesBecomeTrue) {
  const auto tensor = ParseNpy(Npy("|b1", "(2,)", std::string("\x07\0", 2)));
  EXPECT_THAT(tensor->values<uint8_t>(), ElementsAre(1, 0));
}

TEST(Npy, TypesThatAreRefused) {
  EXPECT_THAT(Message(ParseNpy(Npy("|O", "(1,)", "pickle"))), AllOf(HasSubstr("E_DTYPE"), HasSubstr("pickle")));
  for (const char* descr : {"<f16", "<M8[ns]", "|V2", "<i3", "S", "<S-1", "<S99999999999", "f", "<", "|"}) {
    EXPECT_THAT(ParseNpy(Npy(descr, "(0,)", "")), FailsWith("E_DTYPE")) << descr;
  }
  std::string records = Npy("<f4", "(0,)", "");
  records.replace(records.find("'<f4'"), 5, "[('a',");
  EXPECT_THAT(ParseNpy(records), FailsWith("E_DTYPE"));
  EXPECT_THAT(EncodeNpy(Tensor()), FailsWith("E_DTYPE"));
}

TEST(Npy, ShapeAndElementsMustAgree) {
  for (size_t size : {0, 7, 9, 12}) {
    EXPECT_THAT(ParseNpy(Npy("<f4", "(2,)", std::string(size, 'x'))), FailsWith("E_DATA")) << size;
  }
  EXPECT_THAT(ParseNpy(Npy("<f4", "(4611686018427387904, 4)", "")), FailsWith("E_SHAPE"));
  EXPECT_THAT(ParseNpy(Npy("<f4", "(4611686018427387904,)", "")), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseNpy(Npy("<f4", "(1000000000000,)", "")), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseNpy(Npy("|S0", "(500000000,)", "")), FailsWith("E_LIMIT")) << "16 GB of empty strings";
  EXPECT_EQ(ParseNpy(Npy("|S0", "(3,)", ""))->strings()[2], "");
}

TEST(Npy, MalformedHeaders) {
  const std::string good = Npy("<f4", "(2,)", std::string(8, 'x'));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), from.size(), to + std::string(from.size() - to.size(), ' '));
    return ParseNpy(bytes);
  };
  ASSERT_TRUE(ParseNpy(good).ok());
  EXPECT_THAT(with("{", "("), FailsWith("E_PARSE"));
  EXPECT_THAT(with("(2,)", "2"), FailsWith("E_PARSE"));
  EXPECT_THAT(with("(2,)", "(-2)"), FailsWith("E_PARSE"));
  EXPECT_THAT(with("(2,)", "(2"), FailsWith("E_PARSE"));
  EXPECT_THAT(with("False", "None"), FailsWith("E_PARSE"));
  EXPECT_THAT(with("'shape'", "'descr'"), FailsWith("E_PARSE"));
  EXPECT_THAT(with("'shape'", "'other'"), FailsWith("E_PARSE"));
  EXPECT_THAT(with(", }", "}}}"), FailsWith("E_PARSE"));
  EXPECT_THAT(ParseNpy(""), FailsWith("E_EMPTY"));
  EXPECT_THAT(ParseNpy("not numpy at all"), FailsWith("E_PARSE"));
  EXPECT_THAT(ParseNpy(std::string("\x93NUMPY\2\0\xFF\xFF\xFF\xFF", 12)), FailsWith("E_LIMIT"));
}

TEST(Npy, TruncatedAtEveryByte) {
  const std::string whole = EncodeNpy(Tensor::Of<int32_t>({2}, {1, 2})).value();
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(ParseNpy(whole.substr(0, size)).ok()) << size;
}

class NpyFileTest : public FormatTest {};

TEST_F(NpyFileTest, ErrorsNameTheFile) {
  EXPECT_THAT(ReadNpy(Path("absent.npy")), FailsWith("E_FILE"));
  EXPECT_THAT(Message(ReadNpy(Write("bad.npy", "junk"))), HasSubstr("bad.npy"));
  ASSERT_TRUE(WriteNpy(Path("a.npy"), Tensor::Scalar<float>(2)).ok());
  EXPECT_EQ(ReadNpy(Path("a.npy"))->values<float>()[0], 2);
}

TEST(CastStored, GivesTheDeclaredType) {
  const Tensor bits = Tensor::Of<uint16_t>({1}, {0x3FC0});
  const auto real = CastStored(bits, DType::kBFloat16);
  ASSERT_TRUE(real.ok());
  EXPECT_EQ(static_cast<float>(real->values<BFloat16>()[0]), 1.5f);
  EXPECT_EQ(real->storage_id(), bits.storage_id());
  EXPECT_EQ(CastStored(Tensor::Of<uint8_t>({1}, {3}), DType::kQUInt8)->dtype(), DType::kQUInt8);
  EXPECT_EQ(CastStored(Tensor::Of<int32_t>({1}, {3}), DType::kQInt32)->dtype(), DType::kQInt32);
  EXPECT_EQ(CastStored(bits, DType::kUInt16)->dtype(), DType::kUInt16);
  EXPECT_THAT(CastStored(bits, DType::kFloat16), FailsWith("E_DTYPE"));
  EXPECT_THAT(CastStored(bits, DType::kQInt8), FailsWith("E_DTYPE"));
}

TEST(CastStored, UndoesEncoding) {
  const Tensor tensor = Tensor::Of<BFloat16>({2}, {BFloat16(1.0f), BFloat16(-2.0f)});
  const auto stored = ParseNpy(EncodeNpy(tensor).value());
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->dtype(), DType::kUInt16);
  EXPECT_EQ(CastStored(*stored, DType::kBFloat16)->ToString(), tensor.ToString());
}

}  // namespace
}  // namespace moulin
