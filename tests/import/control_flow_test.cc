// Malformed control flow, and what is left out of a graph because a constant decides. What well-formed control flow
// gives is in tests/cases/control_cases.py.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

const std::string kBool = TypeAttr("T", "DT_BOOL");

std::string Switch(const std::string& name, const std::string& data, const std::string& predicate) {
  return NodeText(name, "Switch", {data, predicate}, kT);
}
std::string Merge(const std::string& name, const std::string& a, const std::string& b) {
  return NodeText(name, "Merge", {a, b}, kT + IntAttr("N", 2));
}
std::string BoolText(const std::string& name, bool value) {
  return ConstText(name, "DT_BOOL", {}, value ? "bool_val: true" : "bool_val: false");
}

int CountOf(const Graph& graph, OpKind kind) {
  int count = 0;
  for (const Node& node : graph.nodes()) count += node.kind == kind;
  return count;
}

// x where p, else op(x).
std::string Choice(const std::string& op) {
  return Switch("s", "x", "p") + NodeText("n", op, {"s:0"}, kT) + Merge("m", "n", "s:1");
}

TEST(ControlFlowTest, AChoiceIsACase) {
  const auto graph = Import(Placeholder("x", {2}) + Placeholder("p", {}, "DT_BOOL") + Choice("Neg"), {"m"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(CountOf(**graph, OpKind::kCase), 1);
}

TEST(ControlFlowTest, ABranchThatAConstantRulesOutIsNotJudged) {
  const std::string x = Placeholder("x", {2});
  const auto graph = Import(x + BoolText("p", true) + Choice("NoSuchOp"), {"m"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->num_nodes(), 0);
  EXPECT_THAT(Import(x + BoolText("p", false) + Choice("NoSuchOp"), {"m"}),
              FailsWith("E_UNSUPPORTED", "node \"n\" (op NoSuchOp)"));
  EXPECT_THAT(Import(x + Placeholder("p", {}, "DT_BOOL") + Choice("NoSuchOp"), {"m"}),
              FailsWith("E_UNSUPPORTED", "node \"n\" (op NoSuchOp)"));
}

TEST(ControlFlowTest, WhatLiesWithinABranchCannotBeAskedFor) {
  const std::string text = Placeholder("x", {2}) + Placeholder("p", {}, "DT_BOOL") + Choice("Neg");
  EXPECT_THAT(Import(text, {"n"}), FailsWith("E_OUTPUT", "lies within a branch or a loop"));
  // By default such nodes are left out.
  const auto graph = Import(text + NodeText("unread", "Neg", {"s:1"}, kT));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->outputs().size(), 2);  // of the Merge: what it gives, and which
}

TEST(ControlFlowTest, MergesMustEndAChoice) {
  const std::string inputs = Placeholder("x", {2}) + Placeholder("p", {}, "DT_BOOL") + Placeholder("q", {}, "DT_BOOL");
  EXPECT_THAT(Import(inputs + Merge("m", "x", "x"), {"m"}), FailsWith("E_UNSUPPORTED", "no Switch leads"));
  EXPECT_THAT(Import(inputs + Switch("s", "x", "p") + Switch("t", "x", "q") + Merge("m", "s:0", "t:1"), {"m"}),
              FailsWith("E_UNSUPPORTED", "not the branches of one choice"));
  EXPECT_THAT(Import(inputs + Switch("s", "x", "p") + Merge("m", "s:0", "s:0"), {"m"}),
              FailsWith("E_UNSUPPORTED", "not the branches of one choice"));
}

// A loop: i = 0; while (i < x) i = i + 1.
std::string LoopText(const std::string& next = "add") {
  return Placeholder("x", {}) + ConstText("zero", "DT_FLOAT", {}, "float_val: 0") +
         NodeText("enter", "Enter", {"zero"}, kT + StringAttr("frame_name", "f")) +
         NodeText("limit", "Enter", {"x"}, kT + StringAttr("frame_name", "f") + BoolAttr("is_constant", true)) +
         Merge("m", "enter", "next") + NodeText("less", "Less", {"m", "limit"}, kT) +
         NodeText("cond", "LoopCond", {"less"}) + Switch("s", "m", "cond") + NodeText("exit", "Exit", {"s:0"}, kT) +
         ConstText("one", "DT_FLOAT", {}, "float_val: 1") + NodeText("add", "Add", {"s:1", "one"}, kT) +
         NodeText("next", "NextIteration", {next}, kT);
}

TEST(ControlFlowTest, ALoopIsAWhile) {
  const auto graph = Import(LoopText(), {"exit"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(CountOf(**graph, OpKind::kWhile), 1);
  EXPECT_EQ((*graph)->num_nodes(), 1);
}

TEST(ControlFlowTest, LoopsMustBeWhole) {
  EXPECT_THAT(Import(LoopText(), {"add"}), FailsWith("E_OUTPUT", "lies within a branch or a loop"));
  const std::string x = Placeholder("x", {});
  EXPECT_THAT(Import(x + NodeText("exit", "Exit", {"x"}, kT), {"exit"}), FailsWith("E_UNSUPPORTED", "an Exit"));
  EXPECT_THAT(Import(x + Placeholder("p", {}, "DT_BOOL") + Switch("s", "x", "p") + NodeText("exit", "Exit", {"s"}, kT),
                     {"exit"}),
              FailsWith("E_UNSUPPORTED", "LoopCond"));
  EXPECT_THAT(Import(x + NodeText("enter", "Enter", {"x"}, kT), {"enter"}), FailsWith("E_ATTR", "frame_name"));
}

// Functions.
std::string Function(const std::string& name, const std::string& args, const std::string& results,
                     const std::string& body) {
  return absl::StrCat("function { signature { name: \"", name, "\" ", args, " } ", body, " ", results, " }\n");
}
std::string FuncAttr(const std::string& name, const std::string& function) {
  return absl::StrCat("attr { key: \"", name, "\" value { func { name: \"", function, "\" } } } ");
}
std::string TypesAttr(const std::string& name, int count) {
  std::string types;
  for (int i = 0; i < count; ++i) absl::StrAppend(&types, "type: DT_FLOAT ");
  return absl::StrCat("attr { key: \"", name, "\" value { list { ", types, " } } } ");
}
const char kOneToOne[] = "input_arg { name: \"a\" type: DT_FLOAT } output_arg { name: \"r\" type: DT_FLOAT }";

std::string Named(const std::string& name, const std::string& op) {
  return Function(name, kOneToOne, "ret { key: \"r\" value: \"n:y:0\" }",
                  absl::StrCat("node_def { name: \"n\" op: \"", op, "\" input: \"a\" ", kT, "}"));
}

std::string IfText(const std::string& then_branch, const std::string& else_branch) {
  return Placeholder("x", {2}) + Placeholder("p", {}, "DT_BOOL") +
         NodeText("if", "If", {"p", "x"},
                  TypeAttr("Tcond", "DT_BOOL") + TypesAttr("Tin", 1) + TypesAttr("Tout", 1) +
                      FuncAttr("then_branch", then_branch) + FuncAttr("else_branch", else_branch));
}

TEST(ControlFlowTest, BranchesMayBeFunctions) {
  const auto graph = Import(IfText("f", "g") + Library(Named("f", "Neg") + Named("g", "Abs")), {"if"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(CountOf(**graph, OpKind::kCase), 1);
}

TEST(ControlFlowTest, FunctionsMustFit) {
  EXPECT_THAT(Import(IfText("f", "g") + Library(Named("f", "Neg")), {"if"}),
              FailsWith("E_FUNC", "\"g\", which does not exist"));
  const std::string two = Function("g", absl::StrCat(kOneToOne, " input_arg { name: \"b\" type: DT_FLOAT }"),
                                   "ret { key: \"r\" value: \"a\" }", "");
  EXPECT_THAT(Import(IfText("f", "g") + Library(Named("f", "Neg") + two), {"if"}),
              FailsWith("E_FUNC", "takes 2 inputs, got 1"));
  EXPECT_THAT(Import(Placeholder("x", {2}) + Placeholder("p", {}, "DT_BOOL") +
                         NodeText("if", "If", {"p", "x"},
                                  TypeAttr("Tcond", "DT_BOOL") + TypesAttr("Tin", 1) + TypesAttr("Tout", 1) +
                                      FuncAttr("then_branch", "f")),
                     {"if"}),
              FailsWith("E_ATTR", "else_branch"));
}

TEST(ControlFlowTest, AFunctionMayNotBeABranchOfItself) {
  const std::string self = Function("f", kOneToOne, "ret { key: \"r\" value: \"n:output:0\" }",
                                    absl::StrCat("node_def { name: \"n\" op: \"If\" input: \"a\" input: \"a\" ",
                                                 TypeAttr("Tcond"), TypesAttr("Tin", 1), TypesAttr("Tout", 1),
                                                 FuncAttr("then_branch", "f"), FuncAttr("else_branch", "f"), " }"));
  EXPECT_THAT(Import(IfText("f", "f") + Library(self), {"if"}), FailsWith("E_RECURSION", "f"));
}

TEST(ControlFlowTest, ManyNestedBranchesAreCountedBeforeTheyAreOpened) {
  // Each has two branches of the one before: 2^40 nodes.
  std::string text = Named("f0", "Neg");
  for (int i = 1; i <= 40; ++i) {
    const std::string before = absl::StrCat("f", i - 1);
    text += Function(absl::StrCat("f", i), kOneToOne, "ret { key: \"r\" value: \"n:output:0\" }",
                     absl::StrCat("node_def { name: \"n\" op: \"If\" input: \"a\" input: \"a\" ", TypeAttr("Tcond"),
                                  TypesAttr("Tin", 1), TypesAttr("Tout", 1), FuncAttr("then_branch", before),
                                  FuncAttr("else_branch", before), " }"));
  }
  EXPECT_THAT(Import(IfText("f40", "f40") + Library(text), {"if"}), FailsWith("E_LIMIT", "nodes"));
}

}  // namespace
}  // namespace moulin
