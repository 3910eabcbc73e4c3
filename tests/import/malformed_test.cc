// Hostile and broken graphs: each gets one clear error.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

TEST(MalformedGraphTest, Names) {
  EXPECT_THAT(Import(Placeholder("x", {1}) + Placeholder("x", {1})), FailsWith("E_DUP", "nodes 0 and 1"));
  EXPECT_THAT(Import(NodeText("", "NoOp", {})), FailsWith("E_NAME", "empty name"));
  EXPECT_THAT(Import(NodeText("x", "", {})), FailsWith("E_NAME", "empty op"));
  EXPECT_THAT(Import(Placeholder("a/../b", {1})), FailsWith("E_NAME", "\"..\""));
  EXPECT_THAT(Import(Placeholder("a\\nb", {1})), FailsWith("E_NAME", "a\\nb"));
  EXPECT_THAT(Import(Placeholder("a\\033[31m", {1})), FailsWith("E_NAME", "a\\x1b[31m"));
  EXPECT_THAT(Import(Placeholder(std::string(1 << 20, 'a'), {1})), FailsWith("E_NAME", "(1048576 bytes)"));
}

TEST(MalformedGraphTest, References) {
  const std::string x = Placeholder("x", {1});
  const auto with_input = [&](const std::string& input) { return Import(x + NodeText("y", "Neg", {input}, kT)); };
  EXPECT_THAT(with_input("nowhere"), FailsWith("E_MISSING_INPUT", "\"nowhere\" does not exist; node \"y\" (op Neg)"));
  EXPECT_THAT(with_input("x:7"), FailsWith("E_PORT", "output 7"));
  EXPECT_THAT(with_input("x:-1"), FailsWith("E_PORT", "node \"y\""));
  EXPECT_THAT(with_input("x:4294967296"), FailsWith("E_PORT", "node \"y\""));
  EXPECT_THAT(with_input("x:b:c"), FailsWith("E_PORT", "node \"y\""));
  EXPECT_THAT(with_input("x:"), FailsWith("E_PORT", "node \"y\""));
  EXPECT_THAT(with_input("^"), FailsWith("E_INPUT", "node \"y\""));
  EXPECT_THAT(with_input(""), FailsWith("E_INPUT", "node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Add", {"x", "^x", "x"}, kT)), FailsWith("E_INPUT", "after a control input"));
  EXPECT_THAT(Import(x + NodeText("y", "Neg", {"x", "^z"}, kT)), FailsWith("E_MISSING_INPUT", "\"^z\""));
}

TEST(MalformedGraphTest, Arity) {
  const std::string x = Placeholder("x", {1});
  EXPECT_THAT(Import(x + NodeText("y", "Add", {"x"}, kT)), FailsWith("E_ARITY", "got 1; node \"y\" (op Add)"));
  EXPECT_THAT(Import(x + NodeText("y", "Add", {"x", "x", "x"}, kT)), FailsWith("E_ARITY", "got 3"));
  EXPECT_THAT(
      Import(x + IntText("axis", 0) +
             NodeText("y", "ConcatV2", {"x", "x", "axis"}, kT + IntAttr("N", 3) + TypeAttr("Tidx", "DT_INT32"))),
      FailsWith("E_ARITY", "expected 4 inputs, got 3"));
}

TEST(MalformedGraphTest, Cycles) {
  EXPECT_THAT(Import(NodeText("y", "Neg", {"y"}, kT), {"y"}), FailsWith("E_CYCLE", "\"y\" <- \"y\""));
  EXPECT_THAT(
      Import(NodeText("a", "Neg", {"b"}, kT) + NodeText("b", "Neg", {"a"}, kT) + NodeText("y", "Neg", {"a"}, kT)),
      FailsWith("E_CYCLE", "\"a\" <- \"b\" <- \"a\""));
}

TEST(MalformedGraphTest, Attributes) {
  const std::string x = Placeholder("x", {1});
  EXPECT_THAT(Import(x + NodeText("y", "Neg", {"x"})), FailsWith("E_ATTR", "missing attribute \"T\"; node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Neg", {"x"}, IntAttr("T", 1))), FailsWith("E_ATTR", "expected a type"));
  EXPECT_THAT(Import(x + NodeText("y", "LeakyRelu", {"x"}, kT + "attr { key: \"alpha\" value { list { f: 1 } } }")),
              FailsWith("E_ATTR", "\"alpha\": expected a float, got a list"));
  EXPECT_THAT(Import(x + NodeText("y", "Squeeze", {"x"}, kT + IntAttr("squeeze_dims", 0))),
              FailsWith("E_ATTR", "expected a list of integers, got an integer"));
  EXPECT_THAT(Import(x + NodeText("y", "Neg", {"x"}, TypeAttr("T", "DT_DOUBLE"))),
              FailsWith("E_DTYPE", "expected float64, got float32; node \"y\""));
  EXPECT_THAT(Import(x + NodeText("y", "Neg", {"x"}, "attr { key: \"T\" value { type: DT_INVALID } }")),
              FailsWith("E_DTYPE", "node \"y\""));
}

TEST(MalformedGraphTest, Constants) {
  const auto with_attrs = [](const std::string& attrs) {
    return Import(NodeText("c", "Const", {}, attrs) + NodeText("y", "Neg", {"c"}, kT));
  };
  const std::string value =
      "attr { key: \"value\" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 1 } } }";
  EXPECT_TRUE(with_attrs(TypeAttr("dtype") + value).ok());
  EXPECT_THAT(with_attrs(TypeAttr("dtype")), FailsWith("E_ATTR", "missing attribute \"value\"; node \"c\""));
  EXPECT_THAT(with_attrs(value), FailsWith("E_ATTR", "missing attribute \"dtype\""));
  EXPECT_THAT(with_attrs(TypeAttr("dtype") + IntAttr("value", 1)), FailsWith("E_ATTR", "expected a tensor"));
  EXPECT_THAT(with_attrs(TypeAttr("dtype", "DT_INT32") + value), FailsWith("E_DTYPE", "node \"c\""));
  EXPECT_THAT(with_attrs(TypeAttr("dtype", "DT_FLOAT_REF") + value), FailsWith("E_DTYPE", "node \"c\""));
  EXPECT_THAT(with_attrs(TypeAttr("dtype", "DT_RESOURCE") +
                         "attr { key: \"value\" value { tensor { dtype: DT_RESOURCE tensor_shape { } } } }"),
              FailsWith("E_DTYPE", "node \"c\""));
  tf::GraphDef unknown = Text(NodeText("c", "Const", {}, TypeAttr("dtype") + value) + NodeText("y", "Neg", {"c"}, kT));
  (*unknown.mutable_node(0)->mutable_attr())["dtype"].set_type(static_cast<tf::DataType>(9999));
  EXPECT_THAT(ImportGraph(unknown, {}), FailsWith("E_DTYPE", "node \"c\""));
}

// Constants of types that have no numbers, and ops that compute with numbers.
TEST(MalformedGraphTest, ConstantsWithoutNumbers) {
  const auto with_type = [](const std::string& type, const std::string& op) {
    return Import(
        ConstText("c", type, {2}, type == "DT_STRING" ? "string_val: 'a'" : "") + IntsText("axis", {0}) +
            NodeText("y", op, op == "Sum" ? std::vector<std::string>{"c", "axis"} : std::vector<std::string>{"c"},
                     TypeAttr("T", type) + TypeAttr("Tidx", "DT_INT32")),
        {"y"});
  };
  EXPECT_THAT(with_type("DT_STRING", "Sum"), FailsWith("E_DTYPE", "node \"y\""));
  EXPECT_TRUE(with_type("DT_STRING", "Identity").ok());
  for (const char* type : {"DT_VARIANT", "DT_RESOURCE"}) {
    for (const char* op : {"Neg", "Identity"}) {
      EXPECT_THAT(with_type(type, op), FailsWith("E_DTYPE", "node \"c\"")) << type << op;
    }
  }
  // What an elementwise op takes is found when it is first computed, also where it is folded.
  const auto negated = with_type("DT_STRING", "Neg");
  ASSERT_TRUE(negated.ok()) << negated.status();
  const Node& node = (*negated)->node(0);
  std::vector<Tensor> results;
  EXPECT_THAT(StatusOr<int>(RunReference(node, {{DType::kString, PartialShape()}}, {Tensor::OfStrings({2}, {"a", "b"})},
                                         Limits(), &results)),
              FailsWith("E_DTYPE", "Neg does not take"));
}

TEST(MalformedGraphTest, LongDevicesAreNoMatter) {
  EXPECT_TRUE(
      Import(Placeholder("x", {1}) + NodeText("y", "Neg", {"x"}, kT + "device: \"" + std::string(1 << 20, 'd') + "\""))
          .ok());
}

TEST(MalformedGraphTest, PlaceholderShapes) {
  EXPECT_THAT(Import(Placeholder("x", {-3}) + NodeText("y", "Neg", {"x"}, kT)), FailsWith("E_SHAPE", "node \"x\""));
  EXPECT_THAT(Import(Placeholder("x", {1ll << 32, 1ll << 32}) + NodeText("y", "Neg", {"x"}, kT)),
              FailsWith("E_SHAPE", "node \"x\""));
  EXPECT_THAT(Import(Placeholder("x", std::vector<int64_t>(300, 1)) + NodeText("y", "Neg", {"x"}, kT)),
              FailsWith("E_LIMIT", "node \"x\""));
  const std::string beside = "attr { key: \"shape\" value { shape { unknown_rank: true " + ShapeText({2}) + "} } }";
  EXPECT_THAT(Import(NodeText("x", "Placeholder", {}, TypeAttr("dtype") + beside) + NodeText("y", "Neg", {"x"}, kT)),
              FailsWith("E_SHAPE", "unknown rank with 1 sizes; node \"x\""));
}

TEST(MalformedGraphTest, ForbiddenOps) {
  const std::string x = Placeholder("x", {}, "DT_STRING");
  EXPECT_THAT(Import(x + NodeText("y", "ReadFile", {"x"})), FailsWith("E_FORBIDDEN_OP", "node \"y\" (op ReadFile)"));
  EXPECT_THAT(Import(x + NodeText("y", "PyFunc", {"x"})), FailsWith("E_FORBIDDEN_OP", "node \"y\""));
  for (const char* op : {"EagerPyFunc",
                         "FixedLengthRecordReader",
                         "FixedLengthRecordReaderV2",
                         "LoadDataset",
                         "LoadLibrary",
                         "LookupTableImport",
                         "MatchingFiles",
                         "PyFuncStateless",
                         "ReaderRead",
                         "ReaderReadV2",
                         "RemoteCall",
                         "Restore",
                         "RestoreSlice",
                         "RestoreV2",
                         "Save",
                         "SaveDataset",
                         "SaveSlices",
                         "ShardedFilename",
                         "TextLineReader",
                         "TextLineReaderV2",
                         "TFRecordReader",
                         "TFRecordReaderV2",
                         "WholeFileReader",
                         "WholeFileReaderV2"}) {
    EXPECT_THAT(Import(x + NodeText("y", op, {"x"}), {"y"}), FailsWith("E_FORBIDDEN_OP", "node \"y\"")) << op;
  }
  // No op of a body that is needed gets past either.
  EXPECT_THAT(Import(x + NodeText("c", "f", {"x"}) +
                     "library { function { signature { name: \"f\" input_arg { name: \"a\" type: DT_STRING } "
                     "output_arg { name: \"r\" type: DT_STRING } } node_def { name: \"n\" op: \"ReadFile\" input: "
                     "\"a\" } ret { key: \"r\" value: \"n:contents:0\" } } }"),
              FailsWith("E_FORBIDDEN_OP", "node \"c/n\" (op ReadFile)"));
  EXPECT_THAT(Import(NodeText("y", "ImmutableConst", {}, StringAttr("memory_region_name", "/etc/passwd"))),
              FailsWith("E_FORBIDDEN_OP", "node \"y\""));
}

TEST(MalformedGraphTest, Versions) {
  EXPECT_THAT(Import(Placeholder("x", {1}) + NodeText("y", "Neg", {"x"}, kT) + "versions { min_consumer: 999999 }"),
              FailsWith("E_UNSUPPORTED", "999999"));
}

TEST(MalformedGraphTest, OutputsAskedFor) {
  const std::string text =
      Placeholder("input", {1}) + NodeText("negated", "Neg", {"input"}, kT) + NodeText("n", "NoOp", {});
  EXPECT_THAT(Import(text, {"negate"}), FailsWith("E_OUTPUT", "did you mean \"negated\""));
  EXPECT_THAT(Import(text, {"n"}), FailsWith("E_OUTPUT", "op NoOp has 0 outputs"));
  EXPECT_THAT(Import(text, {"input"}), FailsWith("E_OUTPUT", "placeholder"));
  EXPECT_THAT(Import(text, {"negated:1"}), FailsWith("E_OUTPUT", "1 outputs"));
  EXPECT_THAT(Import(text, {"negated", "negated"}), FailsWith("E_DUP", "negated"));
  EXPECT_THAT(Import(NodeText("n", "NoOp", {})), FailsWith("E_OUTPUT", "computes nothing"));
  EXPECT_TRUE(Import(text, {"input"}, {"input"}).ok());
}

TEST(MalformedGraphTest, InputsAskedFor) {
  const std::string text = Placeholder("a", {1}) + Placeholder("b", {1}) + NodeText("y", "Add", {"a", "b"}, kT);
  EXPECT_THAT(Import(text, {"y"}, {"a"}), FailsWith("E_MISSING_INPUT", "node \"b\""));
  EXPECT_THAT(Import(text, {"y"}, {"a", "c"}), FailsWith("E_NAME", "\"c\""));
  EXPECT_THAT(Import(text, {"y"}, {"a", "b", "a:0"}), FailsWith("E_DUP", "\"a:0\""));
}

TEST(MalformedGraphTest, Limits) {
  ImportOptions options;
  options.limits.nodes = 2;
  EXPECT_THAT(
      ImportGraph(Text(Placeholder("a", {1}) + Placeholder("b", {1}) + NodeText("y", "Add", {"a", "b"}, kT)), options),
      FailsWith("E_LIMIT", "at most 2 nodes"));
  std::vector<std::string> inputs(70'000, "x");
  EXPECT_THAT(Import(Placeholder("x", {1}) + NodeText("y", "AddN", inputs, kT + IntAttr("N", 70'000))),
              FailsWith("E_LIMIT", "inputs"));
}

TEST(MalformedGraphTest, EnsureShape) {
  const auto ensure = [](const std::vector<int64_t>& dims) {
    return Import(
        Placeholder("x", {2, -1}) +
        NodeText("y", "EnsureShape", {"x"}, kT + "attr { key: \"shape\" value { shape { " + ShapeText(dims) + "} } }"));
  };
  EXPECT_TRUE(ensure({2, 3}).ok());
  EXPECT_TRUE(ensure({-1, 3}).ok());
  EXPECT_THAT(ensure({3, 3}), FailsWith("E_SHAPE", "node \"y\""));
  EXPECT_THAT(ensure({2}), FailsWith("E_SHAPE", "node \"y\""));
}

}  // namespace
}  // namespace moulin
