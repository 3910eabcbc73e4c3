// Choices and loops that do not hold together: each gets one clear error.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

std::string Frame(const std::string& name) { return kT + StringAttr("frame_name", name); }
std::string MergeText(const std::string& name, const std::vector<std::string>& inputs) {
  return NodeText(name, "Merge", inputs, kT + IntAttr("N", static_cast<int64_t>(inputs.size())));
}
std::string Predicate(const std::string& name) { return Placeholder(name, {}, "DT_BOOL"); }

// A loop that doubles x until it is not less than 100, as TensorFlow 1 writes it.
struct MalformedLoop {
  std::string enter = NodeText("enter", "Enter", {"x"}, Frame("loop"));
  std::string merge = MergeText("merge", {"enter", "next"});
  std::string limit = ConstText("limit", "DT_FLOAT", {}, "float_val: 100");
  std::string less = NodeText("less", "Less", {"merge", "limit"}, kT);
  std::string condition = NodeText("condition", "LoopCond", {"less"});
  std::string branch = NodeText("switch", "Switch", {"merge", "condition"}, kT);
  std::string body = NodeText("body", "Add", {"switch:1", "switch:1"}, kT);
  std::string next = NodeText("next", "NextIteration", {"body"}, kT);
  std::string exit = NodeText("exit", "Exit", {"switch"}, kT);

  StatusOr<std::shared_ptr<Graph>> Import() const {
    return moulin::Import(Placeholder("x", {}) + enter + merge + limit + less + condition + branch + body + next + exit,
                          {"exit"});
  }
};

TEST(MalformedControlTest, TheLoopIsGood) {
  const auto graph = MalformedLoop().Import();
  ASSERT_TRUE(graph.ok()) << graph.status();
}

TEST(MalformedControlTest, PartsOfLoopsAlone) {
  const std::string x = Placeholder("x", {}) + Predicate("p");
  EXPECT_THAT(Import(x + NodeText("y", "Enter", {"x"}, kT), {"y"}), FailsWith("E_ATTR", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Enter", {"x"}, Frame("")), {"y"}), FailsWith("E_ATTR", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Enter", {"x"}, Frame("f")), {"y"}), FailsWith("E_OUTPUT", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Exit", {"x"}, kT), {"y"}), FailsWith("E_UNSUPPORTED", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "NextIteration", {"x"}, kT), {"y"}), FailsWith("E_UNSUPPORTED", "node \"y\""));
  EXPECT_THAT(Import(x + MergeText("y", {"x", "x"}), {"y"}), FailsWith("E_UNSUPPORTED", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "LoopCond", {"p"}), {"y"}), FailsWith("E_UNSUPPORTED", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Switch", {"x", "p"}, kT), {"y"}), FailsWith("E_OUTPUT", "node \"y\""));
}

TEST(MalformedControlTest, LoopsThatLackAPart) {
  MalformedLoop no_input;
  no_input.enter = NodeText("enter", "Enter", {}, Frame("loop"));
  EXPECT_THAT(no_input.Import(), FailsWith("E_UNSUPPORTED", "node \"merge\" (op Merge)"));
  MalformedLoop no_frame;
  no_frame.enter = NodeText("enter", "Enter", {"x"}, kT);
  EXPECT_THAT(no_frame.Import(), FailsWith("E_ATTR", "node \"enter\" (op Enter)"));
  MalformedLoop no_condition;
  no_condition.condition = NodeText("condition", "LoopCond", {});
  EXPECT_THAT(no_condition.Import(), FailsWith("E_ARITY", "LoopCond"));
  MalformedLoop no_next;
  no_next.next = NodeText("next", "NextIteration", {}, kT);
  EXPECT_THAT(no_next.Import(), FailsWith("E_UNSUPPORTED", "node \"merge\" (op Merge)"));
  MalformedLoop no_enter;
  no_enter.merge = MergeText("merge", {"x", "next"});
  EXPECT_THAT(no_enter.Import(), FailsWith("E_UNSUPPORTED", "node \""));
  MalformedLoop one_input;
  one_input.branch = NodeText("switch", "Switch", {"merge"}, kT);
  EXPECT_THAT(one_input.Import(), FailsWith("E_ARITY", "node \"switch\" (op Switch)"));
  MalformedLoop three;
  three.merge = MergeText("merge", {"enter", "next", "next"});
  EXPECT_THAT(three.Import(), FailsWith("E_UNSUPPORTED", "node \"merge\" (op Merge)"));
}

// What enters the loop and does not change.
TEST(MalformedControlTest, ConstantsOfLoopsWithoutAnInput) {
  MalformedLoop loop;
  loop.limit = NodeText("limit", "Enter", {}, Frame("loop"));
  EXPECT_THAT(loop.Import(), FailsWith("E_ARITY", "node \"limit\" (op Enter)"));
  loop.limit = NodeText("limit", "Enter", {"^x"}, Frame("loop"));
  EXPECT_THAT(loop.Import(), FailsWith("E_ARITY", "node \"limit\" (op Enter)"));
}

TEST(MalformedControlTest, FramesThatCross) {
  MalformedLoop loop;
  loop.body = NodeText("other", "Enter", {"switch:1"}, Frame("other")) + NodeText("body", "Neg", {"other"}, kT);
  EXPECT_THAT(loop.Import(), FailsWith("E_UNSUPPORTED", "node \"other\" (op Enter)"));
  loop = MalformedLoop();
  loop.limit = NodeText("limit", "Enter", {"x"}, Frame("other"));
  EXPECT_THAT(loop.Import(), FailsWith("E_UNSUPPORTED", "node \"limit\" (op Enter)"));
}

TEST(MalformedControlTest, OutputsThatASwitchDoesNotHave) {
  const std::string text = Placeholder("x", {}) + Predicate("p") + NodeText("s", "Switch", {"x", "p"}, kT);
  EXPECT_TRUE(Import(text + NodeText("a", "Neg", {"s"}, kT) + MergeText("m", {"a", "s:1"}), {"m"}).ok());
  EXPECT_THAT(Import(text + NodeText("a", "Neg", {"s"}, kT) + MergeText("m", {"a", "s:7"}), {"m"}),
              FailsWith("E_PORT", "node \"s\" (op Switch)"));
  MalformedLoop loop;
  loop.body = NodeText("body", "Neg", {"switch:2"}, kT);
  EXPECT_THAT(loop.Import(), FailsWith("E_PORT", "node \"switch\" (op Switch)"));
  loop = MalformedLoop();
  loop.less = NodeText("less", "Less", {"merge:1", "limit"}, kT);
  EXPECT_THAT(loop.Import(), FailsWith("E_PORT", "node \"merge\" (op Merge)"));
  loop = MalformedLoop();
  loop.exit = NodeText("exit", "Exit", {"switch:1"}, kT);
  EXPECT_THAT(loop.Import(), FailsWith("E_UNSUPPORTED", "node \"exit\" (op Exit)"));
}

TEST(MalformedControlTest, MergesOfSomethingElse) {
  const std::string text = Placeholder("x", {}) + Predicate("p") + Predicate("q") +
                           NodeText("s", "Switch", {"x", "p"}, kT) + NodeText("t", "Switch", {"x", "q"}, kT);
  EXPECT_THAT(Import(text + MergeText("m", {"s", "t:1"}), {"m"}), FailsWith("E_UNSUPPORTED", "node \"m\" (op Merge)"));
  EXPECT_THAT(Import(text + MergeText("m", {"s"}), {"m"}), FailsWith("E_UNSUPPORTED", "node \"m\" (op Merge)"));
  EXPECT_THAT(Import(text + MergeText("m", {"s", "s:1", "t"}), {"m"}),
              FailsWith("E_UNSUPPORTED", "node \"m\" (op Merge)"));
  EXPECT_THAT(Import(text + MergeText("m", {}), {"m"}), FailsWith("E_UNSUPPORTED", "node \"m\" (op Merge)"));
}

// --- Choices and loops as functions.

std::string FunctionOf(const std::string& name, const std::string& in, const std::string& out,
                       const std::string& returned = "a") {
  return "function { signature { name: \"" + name + "\" input_arg { name: \"a\" type: " + in +
         " } output_arg { name: \"r\" type: " + out + " } } ret { key: \"r\" value: \"" + returned + "\" } }\n";
}
std::string FunctionAttr(const std::string& name, const std::string& function) {
  return "attr { key: \"" + name + "\" value { func { name: \"" + function + "\" } } } ";
}
const std::string kFloats = "attr { key: \"T\" value { list { type: [DT_FLOAT] } } } ";
const std::string kChoiceTypes =
    "attr { key: \"Tcond\" value { type: DT_BOOL } } attr { key: \"Tin\" value { list { type: [DT_FLOAT] } } } "
    "attr { key: \"Tout\" value { list { type: [DT_FLOAT] } } } ";

StatusOr<std::shared_ptr<Graph>> ImportWhile(const std::string& library, const std::string& attrs) {
  return Import(Placeholder("x", {}) + NodeText("w", "While", {"x"}, kFloats + attrs) + "library { " + library + " }",
                {"w"});
}

StatusOr<std::shared_ptr<Graph>> ImportIf(const std::string& library, const std::string& attrs) {
  return Import(Placeholder("x", {}) + Predicate("p") + NodeText("i", "If", {"p", "x"}, kChoiceTypes + attrs) +
                    "library { " + library + " }",
                {"i"});
}

const std::string kBoth = FunctionAttr("cond", "c") + FunctionAttr("body", "b");
const std::string kNotZero =
    "function { signature { name: \"c\" input_arg { name: \"a\" type: DT_FLOAT } output_arg { name: \"r\" type: "
    "DT_BOOL "
    "} } node_def { name: \"n\" op: \"Less\" input: \"a\" input: \"a\" " +
    kT + "} ret { key: \"r\" value: \"n:z:0\" } }\n";

TEST(MalformedControlTest, LoopsWhoseFunctionsDoNotFit) {
  const std::string good = FunctionOf("b", "DT_FLOAT", "DT_FLOAT");
  EXPECT_TRUE(ImportWhile(kNotZero + good, kBoth).ok()) << ImportWhile(kNotZero + good, kBoth).status();
  EXPECT_THAT(ImportWhile(kNotZero + good, FunctionAttr("cond", "c")), FailsWith("E_ATTR", "\"body\""));
  EXPECT_THAT(ImportWhile(kNotZero, kBoth), FailsWith("E_FUNC", "\"b\""));
  const std::string two =
      "function { signature { name: \"b\" input_arg { name: \"a\" type: DT_FLOAT } input_arg { name: \"d\" type: "
      "DT_FLOAT "
      "} output_arg { name: \"r\" type: DT_FLOAT } } ret { key: \"r\" value: \"a\" } }\n";
  EXPECT_THAT(ImportWhile(kNotZero + two, kBoth), FailsWith("E_FUNC", "node \"w\" (op While)"));
  const std::string none = "function { signature { name: \"b\" input_arg { name: \"a\" type: DT_FLOAT } } }\n";
  EXPECT_THAT(ImportWhile(kNotZero + none, kBoth), FailsWith("E_FUNC", "node \"w\" (op While)"));
  const std::string integer =
      "function { signature { name: \"b\" input_arg { name: \"a\" type: DT_FLOAT } output_arg { name: \"r\" type: "
      "DT_INT32 "
      "} } node_def { name: \"n\" op: \"Cast\" input: \"a\" " +
      TypeAttr("SrcT") + TypeAttr("DstT", "DT_INT32") + "} ret { key: \"r\" value: \"n:y:0\" } }\n";
  EXPECT_THAT(ImportWhile(kNotZero + integer, kBoth), FailsWith("E_DTYPE", "node \"w\" (op While)"));
  const std::string words = FunctionOf("c", "DT_STRING", "DT_STRING");
  EXPECT_THAT(ImportWhile(words + good, kBoth), FailsWith("E_DTYPE", "node \"w\" (op While)"));
}

TEST(MalformedControlTest, LoopsThatCallThemselves) {
  const std::string body =
      "function { signature { name: \"b\" input_arg { name: \"a\" type: DT_FLOAT } output_arg { name: \"r\" type: "
      "DT_FLOAT "
      "} } node_def { name: \"n\" op: \"While\" input: \"a\" " +
      kFloats + kBoth + "} ret { key: \"r\" value: \"n:output:0\" } }\n";
  EXPECT_THAT(ImportWhile(kNotZero + body, kBoth), FailsWith("E_RECURSION", "b -> b; node \"w\" (op While)"));
}

TEST(MalformedControlTest, ChoicesWhoseBranchesDoNotFit) {
  const std::string attrs = FunctionAttr("then_branch", "t") + FunctionAttr("else_branch", "e");
  const std::string then = FunctionOf("t", "DT_FLOAT", "DT_FLOAT");
  EXPECT_TRUE(ImportIf(then + FunctionOf("e", "DT_FLOAT", "DT_FLOAT"), attrs).ok());
  EXPECT_THAT(ImportIf(then, attrs), FailsWith("E_FUNC", "\"e\""));
  EXPECT_THAT(ImportIf(then, FunctionAttr("then_branch", "t")), FailsWith("E_ATTR", "\"else_branch\""));
  const std::string none = "function { signature { name: \"e\" input_arg { name: \"a\" type: DT_FLOAT } } }\n";
  EXPECT_THAT(ImportIf(then + none, attrs), FailsWith("E_FUNC", "node \"i\" (op If)"));
  const std::string integer =
      "function { signature { name: \"e\" input_arg { name: \"a\" type: DT_FLOAT } output_arg { name: \"r\" type: "
      "DT_INT32 "
      "} } node_def { name: \"n\" op: \"Cast\" input: \"a\" " +
      TypeAttr("SrcT") + TypeAttr("DstT", "DT_INT32") + "} ret { key: \"r\" value: \"n:y:0\" } }\n";
  EXPECT_THAT(ImportIf(then + integer, attrs), FailsWith("E_DTYPE", "node \"i\" (op If)"));
}

}  // namespace
}  // namespace moulin
