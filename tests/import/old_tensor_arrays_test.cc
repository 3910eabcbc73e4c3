// The flow of TensorArrays of the first two versions. That they then give TensorFlow's values is in
// tests/cases/control_cases.py.
#include "import/old_tensor_arrays.h"

#include "tests/import/import_testing.h"

namespace moulin {
namespace {

tf::NodeDef* AddNode(tf::GraphDef* graph, const std::string& name, const std::string& op,
                     const std::vector<std::string>& inputs) {
  tf::NodeDef* node = graph->add_node();
  node->set_name(name);
  node->set_op(op);
  for (const std::string& input : inputs) node->add_input(input);
  return node;
}

TEST(OldTensorArraysTest, TheFlowBeginsWithTheArray) {
  tf::GraphDef graph;
  AddNode(&graph, "zero", "Const", {});
  AddNode(&graph, "array", "TensorArrayV2", {"n"});
  const tf::NodeDef* enter = AddNode(&graph, "enter", "Enter", {"zero"});
  AddNode(&graph, "merge", "Merge", {"enter", "next"});
  AddNode(&graph, "handle", "Enter", {"array:0"});
  const tf::NodeDef* write = AddNode(&graph, "write", "TensorArrayWriteV2", {"handle", "i", "x", "merge", "^x"});
  AddNode(&graph, "next", "NextIteration", {"write"});
  BeginFlowsWithArrays(&graph);
  EXPECT_EQ(enter->input(0), "array:1");
  EXPECT_EQ(write->input(3), "merge");
}

TEST(OldTensorArraysTest, WhatIsNewOrOfAnotherFormStays) {
  tf::GraphDef graph;
  AddNode(&graph, "zero", "Const", {});
  AddNode(&graph, "array", "TensorArray", {"n"});
  const tf::NodeDef* newer = AddNode(&graph, "newer", "TensorArrayReadV3", {"array", "i", "zero"});
  const tf::NodeDef* fed = AddNode(&graph, "fed", "TensorArrayRead", {"array", "i", "placeholder"});
  const tf::NodeDef* bare = AddNode(&graph, "bare", "TensorArrayRead", {"^zero"});
  const tf::NodeDef* loop = AddNode(&graph, "loop", "TensorArrayRead", {"round", "i", "zero"});
  AddNode(&graph, "round", "Identity", {"trip"});
  AddNode(&graph, "trip", "Identity", {"round"});
  BeginFlowsWithArrays(&graph);
  EXPECT_EQ(newer->input(2), "zero");
  EXPECT_EQ(fed->input(2), "placeholder");
  EXPECT_EQ(bare->input(0), "^zero");
  EXPECT_EQ(loop->input(2), "zero");
}

}  // namespace
}  // namespace moulin
