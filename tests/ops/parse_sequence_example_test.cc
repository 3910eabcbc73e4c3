// Serialised sequences of examples that are malformed or do not hold what is asked for. That well-formed ones give
// TensorFlow's values is in tests/cases/example_cases.py.
#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

// A field of bytes of a protocol buffer, shorter than 128.
std::string Field(int number, const std::string& payload) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(payload.size()) + payload;
}

std::string Int64Feature(const std::string& varints) { return Field(3, Field(1, varints)); }
std::string Entry(const std::string& name, const std::string& value) {
  return Field(1, Field(1, name) + Field(2, value));
}

// A sequence of steps of one list "x".
std::string Sequence(const std::vector<std::string>& steps) {
  std::string list;
  for (const std::string& step : steps) list += Field(1, Int64Feature(step));
  return Field(2, Entry("x", list));
}

// The dense list "x" of steps of `size` numbers.
HostOpAttrs Dense(const std::string& size) {
  HostOpAttrs attrs;
  attrs.op = "ParseSequenceExample";
  attrs.output_types = {DType::kInt64, DType::kInt64};
  attrs.strings = {{"feature_list_dense_keys", "x"}, {"feature_list_dense_shapes", size}};
  return attrs;
}

std::vector<Tensor> Batch(std::vector<std::string> messages) {
  const auto count = static_cast<int64_t>(messages.size());
  return {Tensor::OfStrings({count}, std::move(messages)), Tensor::OfStrings({0}, {})};
}

TEST(ParseSequenceExampleTest, ShorterSequencesEndWithZeros) {
  const auto y = RunOp(OpKind::kHostOp, Dense("2"), Batch({Sequence({"\1\2", "\3\4"}), Sequence({"\5\6"})}));
  ASSERT_TRUE(y.ok()) << y.status();
  ExpectValues<int64_t>((*y)[0], {2, 2, 2}, {1, 2, 3, 4, 5, 6, 0, 0});
  ExpectValues<int64_t>((*y)[1], {2}, {2, 1});
}

TEST(ParseSequenceExampleTest, AStepOfAnotherSizeIsAnError) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Dense("2"), Batch({Sequence({"\1\2", "\3"})})),
              HasSubstr("feature \"x\" of example 0: expected 2 values, got 1"));
}

TEST(ParseSequenceExampleTest, AMissingListIsAnErrorUnlessItMayMiss) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Dense("2"), Batch({""})), HasSubstr("is required but missing"));
  HostOpAttrs attrs = Dense("2");
  attrs.strings.push_back({"feature_list_dense_missing_assumed_empty", "x"});
  const auto y = RunOp(OpKind::kHostOp, attrs, Batch({""}));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].shape(), Shape({1, 0, 2}));
}

TEST(ParseSequenceExampleTest, MalformedMessagesAreErrors) {
  for (const std::string& bytes :
       {std::string("\x0a"), std::string("\x12\x7f"), Field(2, "\x0a\x50"), std::string("x")}) {
    EXPECT_THAT(ErrorOf(OpKind::kHostOp, Dense("2"), Batch({bytes})), HasSubstr("E_VALUE")) << bytes;
  }
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Dense("2"), Batch({Field(2, Entry("x", "\x0a\x7f"))})), HasSubstr("malformed"));
}

TEST(ParseSequenceExampleTest, ValuesOfAnotherTypeAreAnError) {
  const std::string text = Field(2, Entry("x", Field(1, Field(1, Field(1, "a")))));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Dense("1"), Batch({text})), HasSubstr("expected values of type int64"));
}

TEST(ParseSequenceExampleTest, TheNumbersOfFeaturesAndOutputsMustFit) {
  HostOpAttrs attrs = Dense("2");
  attrs.output_types.pop_back();
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, Batch({Sequence({})})), HasSubstr("E_ATTR"));
  attrs = Dense("2");
  attrs.strings.pop_back();
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, Batch({Sequence({})})), HasSubstr("E_ATTR"));
}

}  // namespace
}  // namespace moulin::testing
