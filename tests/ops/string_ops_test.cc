#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostOpAttrs TextAttrs(std::string op, DType output = DType::kString) {
  HostOpAttrs attrs;
  attrs.op = std::move(op);
  attrs.output_types = {output};
  return attrs;
}

Tensor Strings(std::vector<std::string> values) {
  const int64_t n = static_cast<int64_t>(values.size());
  return Tensor::OfStrings({n}, std::move(values));
}

std::vector<std::string> RunStrings(const HostOpAttrs& attrs, const std::vector<Tensor>& inputs) {
  const Tensor y = RunOne(OpKind::kHostOp, attrs, inputs);
  return {y.strings().begin(), y.strings().end()};
}

TEST(StringOpsTest, CaseAndWhiteSpace) {
  EXPECT_THAT(RunStrings(TextAttrs("StringLower"), {Strings({"aBc", "\xC3\x84"})}), ElementsAre("abc", "\xC3\x84"));
  EXPECT_THAT(RunStrings(TextAttrs("StringUpper"), {Strings({"aBc"})}), ElementsAre("ABC"));
  EXPECT_THAT(RunStrings(TextAttrs("StringStrip"), {Strings({" \ta b\n", ""})}), ElementsAre("a b", ""));
}

TEST(StringOpsTest, LengthInBytesAndCharacters) {
  HostOpAttrs attrs = TextAttrs("StringLength", DType::kInt32);
  const Tensor x = Strings({"",
                            "\xC3\xA4"
                            "b"});
  ExpectValues<int32_t>(RunOne(OpKind::kHostOp, attrs, {x}), {2}, {0, 3});
  attrs.strings = {{"unit", "UTF8_CHAR"}};
  ExpectValues<int32_t>(RunOne(OpKind::kHostOp, attrs, {x}), {2}, {0, 2});
}

TEST(StringOpsTest, JoinRepeatsScalars) {
  HostOpAttrs attrs = TextAttrs("StringJoin");
  attrs.strings = {{"separator", "-"}};
  EXPECT_THAT(RunStrings(attrs, {Strings({"a", "b"}), Tensor::OfStrings({}, {"x"})}), ElementsAre("a-x", "b-x"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, {Strings({"a", "b"}), Strings({"a"})}), HasSubstr("E_SHAPE"));
}

TEST(StringOpsTest, SubstrCountsFromEitherEnd) {
  const Tensor x = Strings({"hello",
                            "\xC3\xA4"
                            "bc"});
  EXPECT_THAT(RunStrings(TextAttrs("Substr"), {x, Int(1), Int(2)}), ElementsAre("el",
                                                                                "\xA4"
                                                                                "b"));
  EXPECT_THAT(RunStrings(TextAttrs("Substr"), {x, Int(-2), Int(9)}), ElementsAre("lo", "bc"));
  HostOpAttrs characters = TextAttrs("Substr");
  characters.strings = {{"unit", "UTF8_CHAR"}};
  EXPECT_THAT(RunStrings(characters, {x, Ints({0, 0}), Ints({1, 1})}), ElementsAre("h", "\xC3\xA4"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, TextAttrs("Substr"), {x, Int(6), Int(1)}), HasSubstr("E_VALUE"));
}

TEST(StringOpsTest, ToNumber) {
  const Tensor x = Strings({"1.5", " -2e3 "});
  ExpectFloats(RunOne(OpKind::kHostOp, TextAttrs("StringToNumber", DType::kFloat32), {x}), {2}, {1.5, -2000});
  ExpectValues<int64_t>(RunOne(OpKind::kHostOp, TextAttrs("StringToNumber", DType::kInt64), {Strings({"-7"})}), {1},
                        {-7});
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, TextAttrs("StringToNumber", DType::kInt32), {Strings({"1.5"})}),
              HasSubstr("E_VALUE"));
}

TEST(StringOpsTest, AsStringFormatsAsPrintf) {
  EXPECT_THAT(RunStrings(TextAttrs("AsString"), {Floats({2}, {1.5, -2})}), ElementsAre("1.500000", "-2.000000"));
  EXPECT_THAT(RunStrings(TextAttrs("AsString"), {Tensor::Of<bool>({2}, {true, false})}), ElementsAre("true", "false"));
  HostOpAttrs padded = TextAttrs("AsString");
  padded.ints = {{"width", 4}};
  padded.strings = {{"fill", "0"}};
  EXPECT_THAT(RunStrings(padded, {Ints({7, -7})}), ElementsAre("0007", "-007"));
  HostOpAttrs scientific = TextAttrs("AsString");
  scientific.ints = {{"scientific", 1}, {"precision", 1}};
  EXPECT_THAT(RunStrings(scientific, {Floats({1}, {1500})}), ElementsAre("1.5e+03"));
}

TEST(StringOpsTest, Base64) {
  EXPECT_THAT(RunStrings(TextAttrs("EncodeBase64"), {Strings({"\xFF\xEF", ""})}), ElementsAre("_-8", ""));
  HostOpAttrs pad = TextAttrs("EncodeBase64");
  pad.ints = {{"pad", 1}};
  EXPECT_THAT(RunStrings(pad, {Strings({"\xFF\xEF"})}), ElementsAre("_-8="));
  EXPECT_THAT(RunStrings(TextAttrs("DecodeBase64"), {Strings({"_-8", "_-8="})}), ElementsAre("\xFF\xEF", "\xFF\xEF"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, TextAttrs("DecodeBase64"), {Strings({"*"})}), HasSubstr("E_VALUE"));
}

}  // namespace
}  // namespace moulin::testing
