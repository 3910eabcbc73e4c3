#include "cli/signature_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(absl::string_view json) { return std::string(ParseSignatureEdits(json).status().message()); }

TEST(SignatureFileTest, EveryPart) {
  const auto edits = ParseSignatureEdits(R"({
      "remove": ["old"], "rename": {"from": "to"},
      "signatures": {"s": {"method": "classify",
                           "inputs": {"b": "x:0", "a": {"tensor": "y", "dtype": "int64", "shape": [null, 3]}},
                           "outputs": {"z": {"tensor": "z", "shape": null}}},
                     "t": {"outputs": {}}}})");
  ASSERT_TRUE(edits.ok()) << edits.status();
  EXPECT_EQ(edits->remove, std::vector<std::string>{"old"});
  EXPECT_EQ(edits->rename[0], (std::pair<std::string, std::string>("from", "to")));
  ASSERT_EQ(edits->change.size(), 2);
  const internal::SignatureChange& s = edits->change[0];
  EXPECT_EQ(s.method, "classify");
  ASSERT_EQ(s.inputs->size(), 2);
  EXPECT_EQ((*s.inputs)[0].key, "b");
  EXPECT_EQ((*s.inputs)[0].tensor, "x:0");
  EXPECT_FALSE((*s.inputs)[0].shape.has_value());
  EXPECT_EQ((*s.inputs)[1].dtype, DType::kInt64);
  EXPECT_EQ((*s.inputs)[1].shape->ToString(), "[?,3]");
  EXPECT_FALSE((*s.outputs)[0].shape->has_rank());
  EXPECT_FALSE(edits->change[1].inputs.has_value());
  EXPECT_TRUE(edits->change[1].outputs->empty());
  EXPECT_TRUE(ParseSignatureEdits("{}")->empty());
}

TEST(SignatureFileTest, KeysGivenTwice) {
  EXPECT_THAT(Message(R"({"signatures": {"s": {}, "s": {}}})"), AllOf(HasSubstr("E_DUP"), HasSubstr("\"s\"")));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": "x", "a": "y"}}}})"), HasSubstr("E_DUP"));
}

TEST(SignatureFileTest, MalformedOnes) {
  EXPECT_THAT(Message(""), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message("{\"remove\": [}"), AllOf(HasSubstr("E_PARSE"), HasSubstr("column")));
  EXPECT_THAT(Message("[]"), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(R"({"signature": {}})"), HasSubstr("unknown member \"signature\""));
  EXPECT_THAT(Message(R"({"remove": "s"})"), HasSubstr("a list of keys"));
  EXPECT_THAT(Message(R"({"remove": [1]})"), HasSubstr("expected a string"));
  EXPECT_THAT(Message(R"({"rename": ["s"]})"), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(R"({"signatures": {"s": []}})"), HasSubstr("expected an object"));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": ["x"]}}})"), HasSubstr("signature \"s\", inputs"));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": 1}}}})"), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": {}}}}})"), HasSubstr("expected \"tensor\""));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": {"tensor": "x", "dtype": "f"}}}}})"),
              HasSubstr("E_DTYPE"));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": {"tensor": "x", "shape": [-1]}}}}})"),
              HasSubstr("sizes or null"));
  EXPECT_THAT(Message(R"({"signatures": {"s": {"inputs": {"a": {"tensor": "x", "shape": 3}}}}})"),
              HasSubstr("expected a shape"));
  EXPECT_THAT(Message(std::string(100000, '[')), HasSubstr("E_LIMIT"));
}

TEST(SignatureFileTest, Flags) {
  EXPECT_EQ(ParseKeyAndTensor("a=b:1")->key, "a");
  EXPECT_EQ(ParseKeyAndTensor("a=b:1")->tensor, "b:1");
  for (const char* text : {"", "a", "=b", "a="}) EXPECT_FALSE(ParseKeyAndTensor(text).ok()) << text;
}

}  // namespace
}  // namespace moulin::cli
