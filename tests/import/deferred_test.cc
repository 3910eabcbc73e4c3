// Which ops are put off until more is known of their operands, and which are refused at once.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

const std::string kUnknownRank = "attr { key: \"shape\" value { shape { unknown_rank: true } } } ";

std::string Unknown(const std::string& name, const std::string& type = "DT_FLOAT") {
  return NodeText(name, "Placeholder", {}, TypeAttr("dtype", type) + kUnknownRank);
}

// The attributes of the only deferred op; null where there is none.
const DeferredAttrs* Deferred(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kDeferred) return &node.attr<DeferredAttrs>();
  }
  return nullptr;
}

TEST(DeferredTest, AnUnknownRankIsWaitedFor) {
  const auto graph = Import(Unknown("x") + NodeText("y", "RGBToHSV", {"x"}, kT), {"y"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  const DeferredAttrs* attrs = Deferred(**graph);
  ASSERT_NE(attrs, nullptr);
  EXPECT_EQ(attrs->waits_for, "the rank of input 0 is not known");
  EXPECT_EQ(attrs->constant_inputs, 0);
  EXPECT_EQ((*graph)->outputs().size(), 1);
}

TEST(DeferredTest, ElementsOfAnInputAreWaitedFor) {
  const std::string text = Placeholder("x", {3}) + Placeholder("low", {}) + Placeholder("high", {}) +
                           Placeholder("bits", {}, "DT_INT32") +
                           NodeText("y", "QuantizeAndDequantizeV3", {"x", "low", "high", "bits"}, kT);
  const auto graph = Import(text, {"y"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_NE(Deferred(**graph), nullptr);
  EXPECT_EQ(Deferred(**graph)->constant_inputs, Input(3));
}

TEST(DeferredTest, WhatNoShapeWouldHelpIsRefusedAtOnce) {
  const std::string bad =
      NodeText("y", "DepthToSpace", {"x"}, kT + IntAttr("block_size", 2) + StringAttr("data_format", "NCHW_VECT_C"));
  EXPECT_THAT(Import(Unknown("x") + bad, {"y"}), FailsWith("E_UNSUPPORTED", "NCHW_VECT_C"));
}

TEST(DeferredTest, KnownShapesAreLoweredAtOnce) {
  const auto graph = Import(Placeholder("x", {2, 3}) + NodeText("y", "RGBToHSV", {"x"}, kT), {"y"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(Deferred(**graph), nullptr);
}

}  // namespace
}  // namespace moulin
