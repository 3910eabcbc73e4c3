// What the importer makes of whole graphs: inputs, outputs, names, order, pruning, size.
#include <ctime>

#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> InputNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const ValueId v : graph.inputs()) names.emplace_back(graph.value(v).name());
  return names;
}

std::vector<std::string> OutputNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphOutput& output : graph.outputs()) names.push_back(output.name);
  return names;
}

TEST(ImportGraphTest, DefaultsAreThePlaceholdersAndWhatNobodyReads) {
  const auto graph =
      Import(Placeholder("b", {2}) + Placeholder("a", {2}) + Placeholder("unused", {2}) +
             NodeText("y", "Add", {"a", "b"}, kT) + NodeText("z", "Neg", {"b"}, kT) + NodeText("n", "NoOp", {"^y"}));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(InputNames(**graph), ElementsAre("b", "a"));
  EXPECT_THAT(OutputNames(**graph), ElementsAre("y", "z"));
}

TEST(ImportGraphTest, InputsAndOutputsKeepTheNamesAndOrderAskedFor) {
  ImportOptions options;
  options.inputs = {{"second", "b:0"}, {"first", "a"}};
  options.outputs = {{"result", "y:0"}, {"again", "y"}};
  const auto graph =
      ImportGraph(Text(NodeText("y", "Sub", {"a", "b"}, kT) + Placeholder("a", {2}) + Placeholder("b", {2})), options);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(InputNames(**graph), ElementsAre("second", "first"));
  EXPECT_THAT(OutputNames(**graph), ElementsAre("result", "again"));
  const std::vector<Tensor> outputs = RunGraph(**graph, {Floats({2}, {1, 2}), Floats({2}, {10, 20})});
  EXPECT_THAT(ValuesOf<float>(outputs[0]), ElementsAre(9, 18));
}

TEST(ImportGraphTest, NodesMayComeInAnyOrder) {
  const Tensor y =
      ImportAndRun(NodeText("y", "Mul", {"z:0", "z"}, kT) + NodeText("z", "Neg", {"x"}, kT) + Placeholder("x", {2}),
                   {Floats({2}, {2, 3})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(4, 9));
}

TEST(ImportGraphTest, DevicesUnknownAttributesAndControlInputsChangeNothing) {
  const Tensor y = ImportAndRun(
      Placeholder("x", {2}) + NodeText("n", "NoOp", {}) +
          NodeText("y", "Neg", {"x", "^n"},
                   kT +
                       "device: \"/job:evil/device:XPU:9\" attr { key: \"_class\" value { list { s: \"loc:@x\" } } } " +
                       IntAttr("never_heard_of", 3)),
      {Floats({2}, {2, 3})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(-2, -3));
}

TEST(ImportGraphTest, IdentitiesMakeNoNodesButNames) {
  const auto graph =
      Import(Placeholder("x", {2}) + NodeText("i", "Identity", {"x"}, kT) + NodeText("s", "StopGradient", {"i"}, kT) +
             NodeText("y", "Neg", {"s"}, kT) + NodeText("out", "Snapshot", {"y"}, kT));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->num_nodes(), 1);
  EXPECT_THAT((*graph)->value((*graph)->inputs()[0]).names, ElementsAre("x", "x:0", "i:0", "s:0"));
  EXPECT_THAT((*graph)->value((*graph)->outputs()[0].value).names, ElementsAre("y:0", "out:0"));
}

TEST(ImportGraphTest, ReadsOutputsOtherThanTheFirst) {
  const Tensor y = ImportAndRun(Placeholder("x", {4}) + IntText("axis", 0) +
                                    NodeText("s", "Split", {"axis", "x"}, kT + IntAttr("num_split", 2)) +
                                    NodeText("y", "Sub", {"s:1", "s"}, kT),
                                {Floats({4}, {1, 2, 30, 40})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(29, 38));
}

TEST(ImportGraphTest, WhatTheOutputsDoNotNeedIsNotJudged) {
  const std::string text = Placeholder("x", {2}) + NodeText("y", "Neg", {"x"}, kT) +
                           NodeText("bad", "Neg", {"nowhere:7"}) + NodeText("odd", "NeverHeardOf", {"bad"}) +
                           NodeText("file", "ReadFile", {"odd"});
  EXPECT_TRUE(Import(text, {"y"}).ok());
}

TEST(ImportGraphTest, AnyTensorMayBeFed) {
  const std::string text = NodeText("odd", "NeverHeardOf", {"x"}) + Placeholder("x", {2}) +
                           NodeText("n", "Neg", {"odd"}, kT) + NodeText("y", "Neg", {"n"}, kT);
  const auto graph = Import(text, {"y"}, {"n"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(ValuesOf<float>(RunGraph(**graph, {Floats({1}, {5})})[0]), ElementsAre(-5));
  EXPECT_THAT(Import(text, {"y"}, {"odd"}), FailsWith("E_DTYPE", "node \"odd\""));
}

TEST(ImportGraphTest, PlaceholdersWithDefaultsAreInputsOnlyWhereAskedFor) {
  const std::string text = ConstText("d", "DT_FLOAT", {}, "float_val: 7") +
                           NodeText("p", "PlaceholderWithDefault", {"d"},
                                    TypeAttr("dtype") + "attr { key: \"shape\" value { shape { } } }") +
                           NodeText("y", "Neg", {"p"}, kT);
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(text, {})), ElementsAre(-7));
  const auto graph = Import(text, {"y"}, {"p"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(ValuesOf<float>(RunGraph(**graph, {Floats({}, {2})})[0]), ElementsAre(-2));
}

TEST(ImportGraphTest, OldPlaceholdersOfScalarShapeHaveUnknownShape) {
  const std::string nodes = Placeholder("x", {}) + NodeText("y", "Neg", {"x"}, kT);
  const auto old_graph = Import(nodes + "versions { producer: 20 }");
  ASSERT_TRUE(old_graph.ok()) << old_graph.status();
  EXPECT_FALSE((*old_graph)->value((*old_graph)->inputs()[0]).type.shape.has_rank());
  const auto new_graph = Import(nodes + "versions { producer: 1882 }");
  ASSERT_TRUE(new_graph.ok());
  EXPECT_EQ((*new_graph)->value((*new_graph)->inputs()[0]).type.shape, PartialShape(Shape()));
}

TEST(ImportGraphTest, ShapesGivenNarrowThoseDeclared) {
  ImportOptions options;
  options.input_shapes = {{"x", PartialShape({3, kUnknownDim, 2})}};
  const auto shape_of = [&](const std::vector<int64_t>& declared) -> StatusOr<PartialShape> {
    const auto graph = ImportGraph(Text(Placeholder("x", declared) + NodeText("y", "Neg", {"x"}, kT)), options);
    if (!graph.ok()) return graph.status();
    return (*graph)->value((*graph)->inputs()[0]).type.shape;
  };
  EXPECT_EQ(shape_of({-1, 5, -1}).value(), PartialShape(Shape({3, 5, 2})));
  EXPECT_EQ(shape_of({}).value(), PartialShape({3, kUnknownDim, 2}));  // the scalar of an old graph
  EXPECT_THAT(shape_of({4, 5, 2}), FailsWith("E_SHAPE", "expected [4,5,2], got [3,?,2]"));
  EXPECT_THAT(shape_of({-1, 5}), FailsWith("E_SHAPE", "\"x\""));
}

TEST(ImportGraphTest, VariablesTakeTheirValuesFromTheCaller) {
  ImportOptions options;
  options.external_constant = [](const tf::NodeDef& node) -> StatusOr<Tensor> {
    EXPECT_EQ(node.name(), "v");
    return Floats({2}, {3, 4});
  };
  const std::string text = NodeText("v", "VarHandleOp", {}, TypeAttr("dtype")) +
                           NodeText("r", "ReadVariableOp", {"v"}, TypeAttr("dtype")) + NodeText("y", "Neg", {"r"}, kT);
  const auto graph = ImportGraph(Text(text), options);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(ValuesOf<float>(RunGraph(**graph, {})[0]), ElementsAre(-3, -4));
  EXPECT_THAT(Import(text), FailsWith("E_UNSUPPORTED", "node \"v\""));
}

TEST(ImportGraphTest, GathersFromVariables) {
  ImportOptions options;
  options.external_constant = [](const tf::NodeDef&) -> StatusOr<Tensor> { return Floats({3}, {3, 4, 5}); };
  const auto graph = ImportGraph(
      Text(NodeText("v", "VarHandleOp", {},
                    TypeAttr("dtype") + "attr { key: \"shape\" value { shape { " + ShapeText({3}) + "} } }") +
           Placeholder("i", {2}, "DT_INT32") +
           NodeText("y", "ResourceGather", {"v", "i"}, TypeAttr("dtype") + TypeAttr("Tindices", "DT_INT32"))),
      options);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(ValuesOf<float>(RunGraph(**graph, {Tensor::Of<int32_t>({2}, {2, 0})})[0]), ElementsAre(5, 3));
}

TEST(ImportGraphTest, AllUnsupportedNodesAreReportedAtOnce) {
  const auto graph =
      Import(Placeholder("x", {2}) + NodeText("a", "FirstStrangeOp", {"x"}) + NodeText("b", "SecondStrangeOp", {"a"}) +
             NodeText("y", "Neg", {"b"}, kT) + NodeText("z", "Neg", {"x"}, kT));
  EXPECT_THAT(graph, FailsWith("E_UNSUPPORTED", "2 nodes are not supported"));
  EXPECT_THAT(graph.status().message(),
              AllOf(HasSubstr("node \"a\" (op FirstStrangeOp)"), HasSubstr("node \"b\" (op SecondStrangeOp)"),
                    HasSubstr("outputs that work without them: \"z\"")));
}

TEST(ImportGraphTest, LoopsAreNotCycles) {
  const std::string merge = NodeText("m", "Merge", {"x", "n"}, kT + IntAttr("N", 2));
  EXPECT_THAT(
      Import(Placeholder("x", {}) + merge + NodeText("n", "NextIteration", {"y"}, kT) + NodeText("y", "Neg", {"m"}, kT),
             {"y"}),
      FailsWith("E_UNSUPPORTED", "a loop is read in the middle of an iteration"));
}

TEST(ImportGraphTest, ManyUnsupportedNodesAreCounted) {
  std::string text = Placeholder("x", {2});
  for (int i = 0; i < 120; ++i) text += NodeText(absl::StrCat("n", i), "Strange", {"x"});
  const auto graph = Import(text);
  EXPECT_THAT(graph, FailsWith("E_UNSUPPORTED", "120 nodes"));
  EXPECT_THAT(graph.status().message(), AllOf(HasSubstr("and 70 more"), HasSubstr("\"n49\"")));
}

// Of the processor, whatever else the machine does.
double SecondsOf(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

tf::NodeDef* AddFloatNode(tf::GraphDef* graph, const std::string& name, const std::string& op,
                          const std::string& input) {
  tf::NodeDef* node = graph->add_node();
  node->set_name(name);
  node->set_op(op);
  node->add_input(input);
  (*node->mutable_attr())["T"].set_type(tf::DT_FLOAT);
  return node;
}

// Under a sanitizer such a graph would take many times the memory and time.
constexpr int Size(int whole) {
#ifdef __SANITIZE_ADDRESS__
  return whole / 10;
#else
  return whole;
#endif
}

TEST(ImportGraphTest, RunsAChainOfManyIdentities) {
  constexpr int kLength = Size(2'000'000);
  tf::GraphDef graph_def = Text(Placeholder("n0", {1}));
  for (int i = 1; i <= kLength; ++i) {
    AddFloatNode(&graph_def, absl::StrCat("n", i), "Identity", absl::StrCat("n", i - 1));
  }
  const double seconds = SecondsOf([&] {
    const auto graph = ImportGraph(std::move(graph_def), {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ((*graph)->num_nodes(), 0);
    EXPECT_THAT(ValuesOf<float>(RunGraph(**graph, {Floats({1}, {5})})[0]), ElementsAre(5));
  });
  EXPECT_LT(seconds, 30);
}

TEST(ImportGraphTest, ImportsAWideFan) {
  constexpr int kConsumers = Size(1'000'000);
  tf::GraphDef graph_def = Text(Placeholder("x", {1}));
  for (int i = 0; i < kConsumers; ++i) AddFloatNode(&graph_def, absl::StrCat("y", i), "Neg", "x");
  const double seconds = SecondsOf([&] {
    const auto graph = ImportGraph(std::move(graph_def), {});
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ((*graph)->outputs().size(), kConsumers);
  });
  EXPECT_LT(seconds, 30);
}

TEST(SummarizeGraphTest, TellsInterfaceOpsAndWhatIsMissing) {
  const auto summary = SummarizeGraph(Text(Placeholder("x", {2}) + NodeText("a", "Neg", {"x"}, kT) +
                                           NodeText("b", "Neg", {"a"}, kT) + NodeText("c", "Strange", {"b"})),
                                      Limits());
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_EQ(summary->inputs.size(), 1);
  EXPECT_EQ(summary->inputs[0].tensor, "x:0");
  ASSERT_EQ(summary->outputs.size(), 1);
  EXPECT_EQ(summary->outputs[0].name, "c");
  EXPECT_EQ(summary->ops[0], (std::pair<std::string, int>("Neg", 2)));
  ASSERT_EQ(summary->unsupported.size(), 1);
  EXPECT_EQ(summary->unsupported[0].name, "c");
}

}  // namespace
}  // namespace moulin
