#include "engine/init_op.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace moulin::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Check(const std::string& text) {
  tf::MetaGraphDef meta_graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "graph_def { node { name: \"init\" op: \"NoOp\" } } " + text, &meta_graph));
  return std::string(CheckInitOp(meta_graph).message());
}

std::string SignatureText(const std::string& output, const std::string& tensor) {
  return "signature_def { key: \"__saved_model_init_op\" value { outputs { key: \"" + output + "\" value { name: \"" +
         tensor + "\" } } } }";
}
std::string Collection(const std::string& name, const std::string& nodes) {
  return "collection_def { key: \"" + name + "\" value { node_list { value: [" + nodes + "] } } }";
}

TEST(InitOpTest, WhatIsThere) {
  EXPECT_EQ(Check(""), "");
  EXPECT_EQ(Check(SignatureText("__saved_model_init_op", "init")), "");
  EXPECT_EQ(Check(Collection("saved_model_main_op", "\"init\"")), "");
  EXPECT_EQ(Check(Collection("legacy_init_op", "\"init\"")), "");
}

TEST(InitOpTest, SignatureWithoutItsOutput) {
  EXPECT_THAT(Check(SignatureText("other", "init")), AllOf(StartsWith("E_OUTPUT"), HasSubstr("__saved_model_init_op")));
}

TEST(InitOpTest, NodeThatIsNotInTheGraph) {
  EXPECT_THAT(Check(SignatureText("__saved_model_init_op", "gone:0")),
              AllOf(StartsWith("E_OUTPUT"), HasSubstr("gone:0")));
  EXPECT_THAT(Check(Collection("legacy_init_op", "\"gone\"")),
              AllOf(StartsWith("E_OUTPUT"), HasSubstr("legacy_init_op")));
}

TEST(InitOpTest, CollectionOfSeveral) {
  EXPECT_THAT(Check(Collection("saved_model_main_op", "\"init\", \"init\"")), HasSubstr("found 2"));
  EXPECT_THAT(Check(Collection("saved_model_main_op", "")), HasSubstr("found 0"));
}

}  // namespace
}  // namespace moulin::internal
