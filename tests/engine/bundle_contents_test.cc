#include "engine/bundle_contents.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/engine/engine_testing.h"

namespace moulin::internal {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

BundleSignature Full() {
  BundleSignature signature;
  signature.name = "serving_default";
  signature.inputs = {{"x", "serving_default_x:0"}};
  signature.outputs = {{"y", "call:0"}, {"z", "call:1"}};
  signature.goldens = {{"in.npz", "out.npz", {.rtol = 0.5, .atol = 0.25}}};
  signature.warm_up = {"w.npz"};
  signature.max_batch = 64;
  return signature;
}

TEST(BundleContentsTest, RoundTrip) {
  BundleSignature other;
  other.name = "other";
  const auto read = SignaturesFromMetadata(ToMetadata({other, Full()}));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2);
  EXPECT_EQ((*read)[0].name, "other");
  EXPECT_EQ((*read)[0].max_batch, 0);
  const BundleSignature& s = (*read)[1];
  EXPECT_EQ(s.name, "serving_default");
  EXPECT_EQ(s.inputs[0].tensor, "serving_default_x:0");
  EXPECT_EQ(s.outputs[1].name, "z");
  EXPECT_EQ(s.goldens[0].outputs, "out.npz");
  EXPECT_EQ(s.goldens[0].tolerance.rtol, 0.5);
  EXPECT_EQ(s.goldens[0].tolerance.atol, 0.25);
  EXPECT_EQ(s.warm_up[0], "w.npz");
  EXPECT_EQ(s.max_batch, 64);
}

// Bundles of version 1.0 have inputs and outputs alone, and its readers look for them.
TEST(BundleContentsTest, TheFirstVersion) {
  const auto read = SignaturesFromMetadata(json::parse(R"({"inputs": [{"name": "x", "tensor": "a:0"}]})"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1);
  EXPECT_EQ((*read)[0].name, "");
  EXPECT_EQ((*read)[0].inputs[0].tensor, "a:0");
  EXPECT_TRUE(SignaturesFromMetadata(json::object()).ok());
  const json metadata = ToMetadata({Full()});
  EXPECT_EQ(metadata["inputs"][0]["tensor"], "serving_default_x:0");
  EXPECT_EQ(metadata["outputs"].size(), 2);
}

TEST(BundleContentsTest, Malformed) {
  const auto with = [](const char* key, json value) {
    json metadata = ToMetadata({Full()});
    metadata["signatures"][0][key] = std::move(value);
    return Message(SignaturesFromMetadata(metadata).status());
  };
  for (const char* key : {"inputs", "outputs", "goldens", "warm_up"}) {
    EXPECT_THAT(with(key, 3), HasSubstr("E_PARSE")) << key;
    EXPECT_THAT(with(key, json::array({3})), HasSubstr("E_PARSE")) << key;
  }
  EXPECT_THAT(with("name", 3), HasSubstr("E_PARSE"));
  EXPECT_THAT(with("max_batch", -1), HasSubstr("max_batch"));
  EXPECT_THAT(with("max_batch", 1.5), HasSubstr("max_batch"));
  EXPECT_THAT(with("max_batch", UINT64_MAX), HasSubstr("max_batch"));
  for (const json& tolerance : {json(-1), json("1"), json(nullptr), json::parse("[]")}) {
    const json golden = {{"inputs", "a"}, {"outputs", "b"}, {"rtol", tolerance}};
    EXPECT_THAT(with("goldens", json::array({golden})), HasSubstr("rtol"));
  }
  EXPECT_THAT(Message(SignaturesFromMetadata({{"signatures", 3}}).status()), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(SignaturesFromMetadata({{"signatures", {3}}}).status()), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(SignaturesFromMetadata({{"inputs", 3}}).status()), HasSubstr("E_PARSE"));
  EXPECT_THAT(Message(SignaturesFromMetadata(ToMetadata({Full(), Full()})).status()), HasSubstr("E_DUP"));
}

TEST(BundleContentsTest, TheSignatureThatIsMeant) {
  BundleSignature a, b;
  a.name = "a";
  b.name = "b";
  EXPECT_EQ(ChooseSignature({a}, "")->name, "a");
  EXPECT_EQ(ChooseSignature({a, Full()}, "")->name, "serving_default");
  EXPECT_EQ(ChooseSignature({a, b}, "b")->name, "b");
  EXPECT_THAT(Message(ChooseSignature({a, b}, "").status()), HasSubstr("it has: \"a\", \"b\""));
  EXPECT_THAT(Message(ChooseSignature({a, b}, "c").status()), HasSubstr("E_NAME"));
}

}  // namespace
}  // namespace moulin::internal
