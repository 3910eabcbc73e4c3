#include "cli/input_expression.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Text(absl::string_view expression, DType type = DType::kFloat32) {
  const StatusOr<Tensor> tensor = EvaluateInput(expression, type);
  return tensor.ok() ? tensor->ToString() : std::string(tensor.status().message());
}

TEST(InputExpressionTest, Functions) {
  EXPECT_EQ(Text("ones((2,3))"), "f32[2,3] {1, 1, 1, 1, 1, 1}");
  EXPECT_EQ(Text(" zeros ( [2] , int64 ) "), "i64[2] {0, 0}");
  EXPECT_EQ(Text("ones(())"), "f32[] {1}");
  EXPECT_EQ(Text("zeros(shape=2, dtype=bool)"), "bool[2] {false, false}");
  EXPECT_EQ(Text("full((2,), -1.5)"), "f32[2] {-1.5, -1.5}");
  EXPECT_EQ(Text("full(1, 'ab')", DType::kString), "str[1] {\"ab\"}");
  EXPECT_EQ(Text("arange(3)"), "f32[3] {0, 1, 2}");
  EXPECT_EQ(Text("arange(1, 2, 0.25)"), "f32[4] {1, 1.25, 1.5, 1.75}");
  EXPECT_EQ(Text("arange(5, 0, -2, int32)"), "i32[3] {5, 3, 1}");
  EXPECT_EQ(Text("arange(2, 1)"), "f32[0] {}");
  EXPECT_EQ(Text("array([[1,2],[3,4]], dtype=uint8)"), "u8[2,2] {1, 2, 3, 4}");
}

TEST(InputExpressionTest, Literals) {
  EXPECT_EQ(Text("-2"), "f32[] {-2}");
  EXPECT_EQ(Text("1e3"), "f32[] {1000}");
  EXPECT_EQ(Text("[[1, 2.5], [3, 4],]"), "f32[2,2] {1, 2.5, 3, 4}");
  EXPECT_EQ(Text("[]"), "f32[0] {}");
  EXPECT_EQ(Text("[[], []]"), "f32[2,0] {}");
  EXPECT_EQ(Text("[True, False]", DType::kBool), "bool[2] {true, false}");
  EXPECT_EQ(Text(R"(['a,b]', "it's", '\x41\n\\'])", DType::kString), R"(str[3] {"a,b]", "it\'s", "A\n\\"})");
  EXPECT_EQ(Text("9223372036854775807", DType::kInt64), "i64[] {9223372036854775807}");
}

TEST(InputExpressionTest, RandomIsTheSameForTheSameSeed) {
  EXPECT_EQ(Text("random((2,2), seed=7)"), Text("random([2,2], 7)"));
  EXPECT_NE(Text("random((2,2), seed=7)"), Text("random((2,2), seed=8)"));
  EXPECT_EQ(Text("random(3)"), Text("random(3, seed=1)"));
  const StatusOr<Tensor> drawn = EvaluateInput("random(100)", DType::kFloat32);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  for (const float x : drawn->values<float>()) {
    EXPECT_TRUE(x >= 0 && x < 1) << x;
  }
}

TEST(InputExpressionTest, MalformedOnesSayWhere) {
  EXPECT_THAT(Text("ones((2,3)"), AllOf(HasSubstr("E_OPTION"), HasSubstr("position 11")));
  EXPECT_THAT(Text("[1, 2"), AllOf(HasSubstr("E_OPTION"), HasSubstr("position 6")));
  EXPECT_THAT(Text("1 2"), AllOf(HasSubstr("expected the end"), HasSubstr("position 3")));
  EXPECT_THAT(Text(""), AllOf(HasSubstr("E_OPTION"), HasSubstr("position 1")));
  EXPECT_THAT(Text("[1,,2]"), AllOf(HasSubstr("E_OPTION"), HasSubstr("position 4")));
  EXPECT_THAT(Text("'ab", DType::kString), HasSubstr("does not end"));
  EXPECT_THAT(Text("'\\q'", DType::kString), HasSubstr("unknown escape"));
  EXPECT_THAT(Text("ones(2, dtype=float33)"), HasSubstr("expected a type"));
  EXPECT_THAT(Text("__import__('os')"), HasSubstr("unknown function"));
  EXPECT_THAT(Text("ones(2).data"), HasSubstr("expected the end"));
}

TEST(InputExpressionTest, WrongArguments) {
  EXPECT_THAT(Text("ones()"), AllOf(HasSubstr("E_OPTION"), HasSubstr("shape")));
  EXPECT_THAT(Text("ones(2, 3)"), HasSubstr("too many"));
  EXPECT_THAT(Text("ones(2, size=3)"), HasSubstr("unknown name"));
  EXPECT_THAT(Text("ones(2.5)"), HasSubstr("whole numbers"));
  EXPECT_THAT(Text("ones((2,-3))"), HasSubstr("E_SHAPE"));
  EXPECT_THAT(Text("[[1],[1,2]]"), AllOf(HasSubstr("E_SHAPE"), HasSubstr("ragged")));
  EXPECT_THAT(Text("arange(0, 1, 0)"), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("arange(0, nan)"), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("arange('a')"), HasSubstr("E_OPTION"));
}

TEST(InputExpressionTest, ValuesMustFit) {
  EXPECT_THAT(Text("256", DType::kUInt8), AllOf(HasSubstr("E_VALUE"), HasSubstr("uint8"), HasSubstr("256")));
  EXPECT_THAT(Text("-1", DType::kUInt64), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("1.5", DType::kInt32), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("1e30", DType::kInt64), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("nan", DType::kInt64), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("2", DType::kBool), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("'a'"), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("1", DType::kString), HasSubstr("E_VALUE"));
  EXPECT_THAT(Text("1", DType::kResource), HasSubstr("E_DTYPE"));
}

TEST(InputExpressionTest, Bounds) {
  EXPECT_THAT(Text("ones((100000,100000))"), HasSubstr("E_LIMIT"));
  EXPECT_THAT(Text("ones((4294967296,4294967296))"), HasSubstr("E_SHAPE"));
  EXPECT_THAT(Text("random((100000,100000))"), HasSubstr("E_LIMIT"));
  EXPECT_THAT(Text("arange(1e18)"), HasSubstr("E_LIMIT"));
  EXPECT_THAT(Text(std::string(100, '[') + std::string(100, ']')), HasSubstr("E_LIMIT"));
  EXPECT_THAT(Text(std::string(2 << 20, '[')), HasSubstr("E_LIMIT"));
}

TEST(InputExpressionTest, TakeThePlaceOfInputs) {
  const std::vector<TensorInfo> infos = {{"a", "a:0", DType::kFloat32, {}}, {"b", "b:0", DType::kInt32, {}}};
  NamedTensors inputs = {{"a", Tensor::Scalar(5.0f)}, {"b", Tensor::Scalar(6)}};
  ASSERT_TRUE(AddInputExpressions({"b=[1,2]"}, infos, &inputs).ok());
  ASSERT_EQ(inputs.size(), 2);
  EXPECT_EQ(inputs[1].first, "b");
  EXPECT_EQ(inputs[1].second.ToString(), "i32[2] {1, 2}");
  const auto message = [&](std::vector<std::string> expressions) {
    return std::string(AddInputExpressions(expressions, infos, &inputs).message());
  };
  EXPECT_THAT(message({"c=1"}), AllOf(HasSubstr("E_OPTION"), HasSubstr("a, b")));
  EXPECT_THAT(message({"a"}), HasSubstr("NAME=EXPRESSION"));
  EXPECT_THAT(message({"a=1", "a=2"}), HasSubstr("E_DUP"));
  EXPECT_THAT(message({"b=1.5"}), AllOf(HasSubstr("E_VALUE"), HasSubstr("input \"b\"")));
}

}  // namespace
}  // namespace moulin::cli
