// Models with variables, frozen (tests/formats/data/make_checkpoints.py makes them). tests/cli/freeze_test.py holds the
// same against TensorFlow.
#include "engine/freeze.h"

#include "formats/file.h"
#include "formats/proto_io.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "moulin/engine.h"

namespace moulin::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kData[] = "tests/engine/data/";

std::string MessageOf(const StatusOr<tf::GraphDef>& graph) { return std::string(graph.status().message()); }

// What the frozen graph gives for {{1, 2}}.
StatusOr<std::vector<float>> RunFrozen(const tf::GraphDef& graph) {
  const std::string path = std::string(::testing::TempDir()) + "moulin_frozen.pb";
  const Status written = WriteFile(path, SerializeProto(graph, ProtoForm::kBinary).value());
  if (!written.ok()) return written;
  StatusOr<std::unique_ptr<Engine>> engine = Engine::Create({.device = "reference"});
  if (!engine.ok()) return engine.status();
  StatusOr<std::shared_ptr<Model>> model = (*engine)->Load(path);
  if (!model.ok()) return model.status();
  StatusOr<NamedTensors> outputs = (*model)->Run({{(*model)->inputs()[0].name, Tensor::Of<float>({1, 2}, {1, 2})}});
  if (!outputs.ok()) return outputs.status();
  const auto values = outputs->front().second.values<float>();
  return std::vector<float>(values.begin(), values.end());
}

bool HasVariables(const tf::GraphDef& graph) {
  const std::string text = graph.ShortDebugString();
  for (const char* sign : {"op: \"VarHandleOp\"", "op: \"VariableV2\"", "op: \"ReadVariableOp\"", "DT_RESOURCE"}) {
    if (text.find(sign) != std::string::npos) return true;
  }
  return false;
}

TEST(Freeze, TensorFlow2KeepsItsFunctions) {
  const auto graph = Freeze(std::string(kData) + "tf2_variables", {.signature = "double"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_FALSE(HasVariables(*graph)) << graph->ShortDebugString();
  EXPECT_GT(graph->library().function_size(), 1);
  const auto y = RunFrozen(*graph);
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(*y, ElementsAre(34, 98));
}

TEST(Freeze, TensorFlow1) {
  for (const char* name : {"tf1_variables", "tf1_resources"}) {
    const auto graph = Freeze(std::string(kData) + name, {});
    ASSERT_TRUE(graph.ok()) << name << ": " << graph.status();
    EXPECT_FALSE(HasVariables(*graph));
    for (const tf::NodeDef& node : graph->node()) EXPECT_NE(node.name(), "net/unused");  // pruned
    const auto y = RunFrozen(*graph);
    ASSERT_TRUE(y.ok()) << name << ": " << y.status();
    EXPECT_THAT(*y, ElementsAre(7.5, 10.25)) << name;
  }
}

TEST(Freeze, MetaGraphWithItsCheckpointAndAnother) {
  const std::string folder = std::string(kData) + "tf1_variables/";
  for (const FreezeOptions& options :
       {FreezeOptions{.outputs = {"y"}},
        FreezeOptions{.outputs = {"y:0"}, .checkpoint = folder + "variables/variables"}}) {
    const auto graph = Freeze(folder + "ckpt/model.meta", options);
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_THAT(*RunFrozen(*graph), ElementsAre(7.5, 10.25));
  }
}

TEST(Freeze, Errors) {
  const std::string meta = std::string(kData) + "tf1_variables/ckpt/model.meta";
  EXPECT_THAT(MessageOf(Freeze(meta, {})), HasSubstr("E_OUTPUT"));
  EXPECT_THAT(MessageOf(Freeze(meta, {.outputs = {"none"}})), AllOf(HasSubstr("E_OUTPUT"), HasSubstr("\"none\"")));
  EXPECT_THAT(MessageOf(Freeze(meta, {.outputs = {"y"}, .checkpoint = "tests/formats/data/types"})),
              AllOf(HasSubstr("E_NAME"), HasSubstr("net/")));
  EXPECT_THAT(MessageOf(Freeze(meta, {.outputs = {"net/bias/Assign"}, .checkpoint = "none"})), HasSubstr("E_FILE"));
  EXPECT_THAT(MessageOf(Freeze("none.pb", {.outputs = {"y"}})), HasSubstr("E_FILE"));
}

// A graph of one variable and one node that reads it.
StatusOr<tf::GraphDef> FreezeReader(const std::string& op) {
  tf::GraphDef graph;
  tf::NodeDef* variable = graph.add_node();
  variable->set_name("v");
  variable->set_op("VarHandleOp");
  tf::NodeDef* reader = graph.add_node();
  reader->set_name("reader");
  reader->set_op(op);
  reader->add_input("v");
  return FreezeGraph(graph, {"reader"}, [](const tf::NodeDef&) { return Tensor::Scalar(1.0f); });
}

TEST(Freeze, WhatIsNotAReadIsRefused) {
  EXPECT_TRUE(FreezeReader("ReadVariableOp").ok());
  EXPECT_TRUE(FreezeReader("ResourceGather").ok());
  EXPECT_THAT(MessageOf(FreezeReader("AssignVariableOp")),
              AllOf(HasSubstr("E_UNSUPPORTED"), HasSubstr("\"reader\" (op AssignVariableOp)")));
  EXPECT_THAT(MessageOf(FreezeReader("PartitionedCall")), HasSubstr("E_ATTR"));
  EXPECT_THAT(MessageOf(FreezeReader("HashTableV2")), HasSubstr("E_UNSUPPORTED"));
}

}  // namespace
}  // namespace moulin::internal
