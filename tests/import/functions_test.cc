// Calls of functions, inlined; and malformed function libraries.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A function in text. `signature` and `body` are text of OpDef and FunctionDef.
std::string FunctionText(const std::string& name, const std::string& signature, const std::string& body) {
  return "function { signature { name: \"" + name + "\" " + signature + " } " + body + " }\n";
}
std::string BodyNode(const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
                     const std::string& attrs = kT) {
  std::string text = NodeText(name, op, inputs, attrs);
  return "node_def" + text.substr(4);
}

const std::string kUnarySignature =
    "input_arg { name: \"x\" type: DT_FLOAT } output_arg { name: \"y\" type: DT_FLOAT }";
std::string Ret(const std::string& output, const std::string& from) {
  return "ret { key: \"" + output + "\" value: \"" + from + "\" } ";
}

std::string Call(const std::string& name, const std::string& function, const std::vector<std::string>& inputs,
                 const std::string& tin = "DT_FLOAT", const std::string& op = "PartitionedCall") {
  return NodeText(name, op, inputs,
                  "attr { key: \"f\" value { func { name: \"" + function +
                      "\" } } } attr { key: \"Tin\" value { list { type: [" + tin +
                      "] } } } attr { key: \"Tout\" value { list { type: [DT_FLOAT] } } }");
}

TEST(FunctionsTest, CallsAreInlinedWithNamesBelowTheCall) {
  const auto graph =
      Import(Placeholder("x", {2}) + Call("call", "f", {"x"}) +
             Library(FunctionText("f", kUnarySignature,
                                  BodyNode("n", "Neg", {"x"}) + BodyNode("e", "Exp", {"n:y:0"}) + Ret("y", "e:y:0"))));
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ((*graph)->num_nodes(), 2);
  EXPECT_EQ((*graph)->node(0).name, "call/n");
  EXPECT_THAT((*graph)->value((*graph)->outputs()[0].value).names, ElementsAre("call/e:0", "call:0"));
  EXPECT_EQ((*graph)->outputs()[0].name, "call");
}

TEST(FunctionsTest, AFunctionsNameMayBeTheOp) {
  const std::string library =
      Library(FunctionText("Twice", kUnarySignature, BodyNode("a", "Add", {"x", "x"}) + Ret("y", "a:z:0")));
  const Tensor y =
      ImportAndRun(Placeholder("x", {1}) + NodeText("t", "Twice", {"x"}) + NodeText("u", "Twice", {"t"}) + library,
                   {Floats({1}, {3})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(12));
}

TEST(FunctionsTest, CallsNestAndPassArgumentsThrough) {
  const std::string binary =
      "input_arg { name: \"a\" type: DT_FLOAT } input_arg { name: \"b\" type: DT_FLOAT } "
      "output_arg { name: \"p\" type: DT_FLOAT } output_arg { name: \"q\" type: DT_FLOAT }";
  const std::string library =
      Library(FunctionText("swap", binary, Ret("p", "b") + Ret("q", "a")) +
              FunctionText("outer", binary,
                           BodyNode("s", "swap", {"a", "b"}, "") + BodyNode("d", "Sub", {"s:p:0", "s:q:0"}) +
                               Ret("p", "d:z:0") + Ret("q", "s:p:0")));
  const auto graph = Import(
      Placeholder("x", {1}) + Placeholder("y", {1}) + NodeText("o", "outer", {"x", "y"}) + library, {"o", "o:1"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  const std::vector<Tensor> outputs = RunGraph(**graph, {Floats({1}, {1}), Floats({1}, {5})});
  EXPECT_THAT(ValuesOf<float>(outputs[0]), ElementsAre(4));
  EXPECT_THAT(ValuesOf<float>(outputs[1]), ElementsAre(5));
}

TEST(FunctionsTest, AttributesAndListsOfArgumentsComeFromTheCall) {
  const std::string signature =
      "input_arg { name: \"xs\" type_attr: \"U\" number_attr: \"M\" } output_arg { name: \"ys\" type_attr: \"U\" "
      "number_attr: \"M\" } "
      "attr { name: \"U\" type: \"type\" } attr { name: \"M\" type: \"int\" }";
  const std::string placeholder_attrs = "attr { key: \"T\" value { list { type: [DT_INT32, DT_INT32] } } }";
  const std::string body = BodyNode("i", "IdentityN", {"xs:1", "xs:0"}, placeholder_attrs) + Ret("ys", "i:output");
  const std::string typed = BodyNode("s", "Sub", {"xs:0", "xs:1"}, "attr { key: \"T\" value { placeholder: \"U\" } }") +
                            BodyNode("i", "IdentityN", {"s:z:0", "xs:0"}, placeholder_attrs) + Ret("ys", "i:output");
  for (const std::string& b : {body, typed}) {
    const auto graph = Import(Placeholder("x", {1}, "DT_INT32") + Placeholder("y", {1}, "DT_INT32") +
                                  NodeText("c", "g", {"x", "y"}, TypeAttr("U", "DT_INT32") + IntAttr("M", 2)) +
                                  Library(FunctionText("g", signature, b)),
                              {"c", "c:1"});
    ASSERT_TRUE(graph.ok()) << graph.status();
    const std::vector<Tensor> outputs =
        RunGraph(**graph, {Tensor::Of<int32_t>({1}, {7}), Tensor::Of<int32_t>({1}, {5})});
    EXPECT_THAT(ValuesOf<int32_t>(outputs[0]), ElementsAre(b == body ? 5 : 2));
    EXPECT_THAT(ValuesOf<int32_t>(outputs[1]), ElementsAre(7));
  }
}

TEST(FunctionsTest, OutputsAreFoundByArgumentName) {
  const std::string attrs = kT + IntAttr("num_split", 3);
  const Tensor y = ImportAndRun(
      Placeholder("x", {3}) + Call("c", "f", {"x"}) +
          Library(FunctionText(
              "f", kUnarySignature,
              "node_def { name: \"axis\" op: \"Const\" attr { key: \"dtype\" value { type: DT_INT32 } } "
              "attr { key: \"value\" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } }" +
                  BodyNode("s", "Split", {"axis:output:0", "x"}, attrs) +
                  BodyNode("d", "Sub", {"s:output:2", "s:output:0"}) + Ret("y", "d:z:0"))),
      {Floats({3}, {1, 10, 100})});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(99));
}

TEST(FunctionsTest, OnlyWhatTheOutputsNeedOfABodyIsJudged) {
  const std::string signature = kUnarySignature + " output_arg { name: \"odd\" type: DT_FLOAT }";
  const std::string text = Placeholder("x", {1}) + NodeText("c", "f", {"x"}) +
                           Library(FunctionText("f", signature,
                                                BodyNode("n", "Neg", {"x"}) + BodyNode("s", "Strange", {"x"}) +
                                                    Ret("y", "n:y:0") + Ret("odd", "s:out:0")));
  EXPECT_TRUE(Import(text, {"c"}).ok());
  EXPECT_THAT(Import(text, {"c:1"}), FailsWith("E_UNSUPPORTED", "node \"c/s\" (op Strange)"));
}

TEST(FunctionsTest, RecursionIsRefusedWithTheChain) {
  const std::string x = Placeholder("x", {1});
  EXPECT_THAT(Import(x + NodeText("c", "f", {"x"}) +
                     Library(FunctionText("f", kUnarySignature, BodyNode("r", "f", {"x"}, "") + Ret("y", "r:y:0")))),
              FailsWith("E_RECURSION", "f -> f; node \"c\""));
  EXPECT_THAT(Import(x + NodeText("c", "f", {"x"}) +
                     Library(FunctionText("f", kUnarySignature, BodyNode("r", "g", {"x"}, "") + Ret("y", "r:y:0")) +
                             FunctionText("g", kUnarySignature, BodyNode("r", "f", {"x"}, "") + Ret("y", "r:y:0")))),
              FailsWith("E_RECURSION", "f -> g -> f"));
}

// Function f<i> calls f<i+1> `calls` times in a row.
std::string Tower(int height, int calls) {
  std::string functions;
  for (int i = 0; i < height; ++i) {
    std::string body, last = "x";
    for (int k = 0; k < calls; ++k) {
      const std::string name = absl::StrCat("c", k);
      body += i + 1 < height ? BodyNode(name, absl::StrCat("f", i + 1), {last}, "") : BodyNode(name, "Neg", {last});
      last = name + ":y:0";
    }
    functions += FunctionText(absl::StrCat("f", i), kUnarySignature, body + Ret("y", last));
  }
  return Placeholder("x", {1}) + NodeText("c", "f0", {"x"}) + Library(functions);
}

TEST(FunctionsTest, DepthIsBounded) {
  const auto graph = Import(Tower(60, 1));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_THAT(Import(Tower(10'000, 1)), FailsWith("E_RECURSION", "f0 -> f1 -> f2"));
}

TEST(FunctionsTest, ExpansionIsCountedBeforeItIsDone) {
  const auto graph = Import(Tower(5, 2));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->num_nodes(), 32);
  EXPECT_THAT(Import(Tower(40, 2)), FailsWith("E_LIMIT", "more than 5000000 nodes; node \"c\""));
}

TEST(FunctionsTest, MalformedFunctions) {
  const auto with_function = [](const std::string& function) {
    return Import(Placeholder("x", {1}) + NodeText("c", "f", {"x"}) + Library(function));
  };
  const std::string node = BodyNode("n", "Neg", {"x"});
  EXPECT_TRUE(with_function(FunctionText("f", kUnarySignature, node + Ret("y", "n:y:0"))).ok());
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, BodyNode("n", "Neg", {"z"}) + Ret("y", "n:y:0"))),
              FailsWith("E_FUNC", "\"z\" to nothing in it; node \"c/n\""));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node)), FailsWith("E_FUNC", "output \"y\""));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node + Ret("y", "m:y:0"))),
              FailsWith("E_FUNC", "m:y:0"));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node + Ret("y", "n:nope:0"))),
              FailsWith("E_FUNC", "nope"));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node + Ret("y", "n:y:3"))), FailsWith("E_FUNC", "y:3"));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node + Ret("y", "::"))),
              FailsWith("E_FUNC", "malformed"));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node + node + Ret("y", "n:y:0"))),
              FailsWith("E_FUNC", "\"n\""));
  EXPECT_THAT(with_function(FunctionText("f", "input_arg { name: \"x\" type: DT_FLOAT } " + kUnarySignature,
                                         node + Ret("y", "n:y:0"))),
              FailsWith("E_FUNC", "two arguments"));
  EXPECT_THAT(with_function(FunctionText("", kUnarySignature, node)), FailsWith("E_FUNC", "empty name"));
  EXPECT_THAT(with_function(FunctionText("f", kUnarySignature, node) + FunctionText("f", kUnarySignature, node)),
              FailsWith("E_DUP", "\"f\""));
  EXPECT_THAT(with_function(FunctionText("f", "input_arg { name: \"w\" type: DT_FLOAT } " + kUnarySignature,
                                         node + Ret("y", "n:y:0"))),
              FailsWith("E_FUNC", "takes 2 inputs, got 1"));
}

TEST(FunctionsTest, MalformedCalls) {
  const std::string x = Placeholder("x", {1});
  EXPECT_THAT(Import(x + Call("c", "missing", {"x"})),
              FailsWith("E_FUNC", "\"missing\", which does not exist; node \"c\""));
  EXPECT_THAT(Import(x + NodeText("c", "PartitionedCall", {"x"})), FailsWith("E_ATTR", "\"f\""));
  const std::string identity = Library(FunctionText("f", kUnarySignature, Ret("y", "x")));
  EXPECT_THAT(Import(NodeText("c", "f", {"c"}) + identity, {"c"}), FailsWith("E_CYCLE", "feeds itself"));
  EXPECT_THAT(Import(x + NodeText("c", "f", {"x"}) + NodeText("y", "Neg", {"c:1"}, kT) + identity),
              FailsWith("E_PORT", "output 1"));
}

TEST(FunctionsTest, ManyCallsInARowAreLinear) {
  constexpr int kCalls = 100'000;
  tf::GraphDef graph_def = Text(Placeholder("n0", {1}) + Library(FunctionText("f", kUnarySignature, Ret("y", "x"))));
  for (int i = 1; i <= kCalls; ++i) {
    tf::NodeDef* node = graph_def.add_node();
    node->set_name(absl::StrCat("n", i));
    node->set_op("f");
    node->add_input(absl::StrCat("n", i - 1));
  }
  const auto graph = ImportGraph(std::move(graph_def), {});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->num_nodes(), 0);
}

}  // namespace
}  // namespace moulin
