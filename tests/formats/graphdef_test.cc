#include "formats/graphdef.h"

#include <sys/stat.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "formats/proto_io.h"
#include "proto/saved_model.pb.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class GraphDefTest : public FormatTest {};

// A placeholder, a constant and their sum.
tf::GraphDef SmallGraph() {
  tf::GraphDef graph;
  tf::NodeDef* x = graph.add_node();
  x->set_name("x");
  x->set_op("Placeholder");
  (*x->mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
  tf::NodeDef* c = graph.add_node();
  c->set_name("c");
  c->set_op("Const");
  (*c->mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
  tf::TensorProto* value = (*c->mutable_attr())["value"].mutable_tensor();
  value->set_dtype(tf::DT_FLOAT);
  value->mutable_tensor_shape()->add_dim()->set_size(2);
  value->add_float_val(1.5f);
  value->add_float_val(2.5f);
  tf::NodeDef* sum = graph.add_node();
  sum->set_name("sum");
  sum->set_op("AddV2");
  sum->add_input("x");
  sum->add_input("c:0");
  (*sum->mutable_attr())["T"].set_type(tf::DT_FLOAT);
  graph.mutable_versions()->set_producer(1882);
  return graph;
}

std::string Binary(const google::protobuf::Message& message) {
  return SerializeProto(message, ProtoForm::kBinary).value();
}
std::string Text(const google::protobuf::Message& message) { return SerializeProto(message, ProtoForm::kText).value(); }

TEST_F(GraphDefTest, ReadsWhatItWrote) {
  for (ProtoForm form : {ProtoForm::kBinary, ProtoForm::kText}) {
    // The name says the opposite of the content.
    const std::string path = Path(form == ProtoForm::kText ? "graph.pb" : "graph.pbtxt");
    ASSERT_TRUE(WriteGraphDef(SmallGraph(), path, form).ok());
    const auto graph = ReadGraphDef(path);
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ(Binary(*graph), Binary(SmallGraph()));
  }
}

TEST_F(GraphDefTest, TextMayStartWithCommentsAndByteOrderMark) {
  for (const char* start : {"# a comment\n\n  # another\n", "\xEF\xBB\xBF", "\n\n\t "}) {
    const auto graph = ParseGraphDef(start + Text(SmallGraph()));
    ASSERT_TRUE(graph.ok()) << graph.status();
    EXPECT_EQ(graph->node_size(), 3);
  }
}

TEST_F(GraphDefTest, WritesNothingWhereItCannot) {
  EXPECT_THAT(WriteGraphDef(SmallGraph(), Path("no/such/folder.pb")), FailsWith("E_FILE"));
  const std::string path = Write("graph.pb", "old");
  ASSERT_TRUE(WriteGraphDef(SmallGraph(), path).ok());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(Path("")), {}), 1) << "a temporary file was left";
}

TEST_F(GraphDefTest, RefusesWhatIsNoFile) {
  EXPECT_THAT(ReadGraphDef(Path("absent.pb")), FailsWith("E_FILE"));
  EXPECT_THAT(ReadGraphDef(Path("")), FailsWith("E_FILE"));
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(ReadGraphDef(Path("fifo")), FailsWith("E_FILE"));
}

TEST_F(GraphDefTest, EmptyFile) {
  EXPECT_THAT(ReadGraphDef(Write("empty.pb", "")), FailsWith("E_EMPTY"));
  tf::GraphDef no_nodes;
  no_nodes.mutable_versions()->set_producer(1);
  EXPECT_THAT(ParseGraphDef(Binary(no_nodes)), FailsWith("E_EMPTY"));
}

TEST_F(GraphDefTest, ErrorsNameTheFile) {
  const std::string path = Write("random.pb", "\x0A\xFF\x13\x37");
  EXPECT_THAT(Message(ReadGraphDef(path)), HasSubstr("random.pb"));
}

// Whatever the bytes are: one error, or a graph that can be written.
TEST_F(GraphDefTest, RandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(2 + random() % 300, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const auto graph = ParseGraphDef(bytes);
    ASSERT_FALSE(graph.ok()) << i;
    EXPECT_THAT(Message(graph), ::testing::ContainsRegex("^E_(PARSE|EMPTY|LIMIT|WRONG_TYPE): ")) << i;
  }
  EXPECT_THAT(Message(ParseGraphDef("\x7F\xE3\x91\x05")), AllOf(HasSubstr("E_PARSE"), HasSubstr("at byte ")));
}

// Every prefix of a file is either a file with fewer fields or an error that tells the place.
TEST_F(GraphDefTest, TruncatedAtEveryByte) {
  const std::string whole = Binary(SmallGraph());
  int accepted = 0;
  EXPECT_THAT(ParseGraphDef(whole.substr(0, 1)), FailsWith("E_EMPTY")) << "a line feed alone is text";
  for (size_t size = 2; size < whole.size(); ++size) {
    const auto graph = ParseGraphDef(whole.substr(0, size));
    if (graph.ok()) {
      ++accepted;
      EXPECT_LE(graph->node_size(), 3);
    } else {
      EXPECT_THAT(graph, FailsWith("E_PARSE")) << size;
      EXPECT_THAT(Message(graph), HasSubstr("at byte ")) << size;
    }
  }
  EXPECT_EQ(accepted, 3) << "after each node";
}

TEST_F(GraphDefTest, TruncatedTextAtEveryByte) {
  const std::string whole = Text(SmallGraph());
  for (size_t size = 1; size < whole.size(); ++size) {
    const auto graph = ParseGraphDef(whole.substr(0, size));
    if (!graph.ok()) {
      EXPECT_THAT(graph, FailsWith("E_PARSE")) << size;
    }
  }
}

// Whatever one byte is changed to, the reader answers, and what it takes can be written again.
TEST_F(GraphDefTest, EveryByteChanged) {
  const std::string whole = Binary(SmallGraph());
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto graph = ParseGraphDef(changed);
      if (graph.ok()) {
        EXPECT_TRUE(SerializeProto(*graph, ProtoForm::kBinary).ok());
      }
    }
  }
}

TEST_F(GraphDefTest, TrailingGarbage) {
  EXPECT_THAT(ParseGraphDef(Binary(SmallGraph()) + "\x03"), FailsWith("E_PARSE"));
  EXPECT_THAT(ParseGraphDef(Binary(SmallGraph()) + std::string(4, '\0')), FailsWith("E_PARSE"));
  EXPECT_THAT(ParseGraphDef(Text(SmallGraph()) + "}"), FailsWith("E_PARSE"));
}

TEST_F(GraphDefTest, MalformedNumbersTellThePlace) {
  const std::string eleven = "\x18" + std::string(10, '\xFF') + "\x01";
  EXPECT_THAT(Message(ParseGraphDef(Binary(SmallGraph()) + eleven)),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("more than 10 bytes"), HasSubstr("at byte ")));
  // A length of 4 GiB in a file of 8 bytes.
  EXPECT_THAT(Message(ParseGraphDef(std::string("\x0A\xFF\xFF\xFF\xFF\x0F\x0A\x01", 8))),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("beyond the end"), HasSubstr("of 8")));
}

TEST_F(GraphDefTest, TellsTheFieldThatIsWrong) {
  tf::GraphDef graph = SmallGraph();
  std::string bytes = Binary(graph);
  // The second node's name, one character, is made invalid.
  bytes[bytes.find("\x0A\x01"
                   "c") +
        2] = '\xFF';
  EXPECT_THAT(Message(ParseGraphDef(bytes)), AllOf(HasSubstr("not UTF-8"), HasSubstr("in node[1].name")));
}

TEST_F(GraphDefTest, GroupsAreRefused) {
  EXPECT_THAT(ParseGraphDef(std::string(100'000, '\x13')), FailsWith("E_PARSE"));  // group 2 in group 2 in ...
  EXPECT_THAT(ParseGraphDef(std::string(100'000, '\xFB')), FailsWith("E_PARSE"));
}

TEST_F(GraphDefTest, UnknownFieldsAreSkipped) {
  const std::string unknown = "\xCA\x3E\x80\xAD\xE2\x04" + std::string(10'000'000, 'x');  // field 1001
  const auto graph = ParseGraphDef(unknown + Binary(SmallGraph()));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->node_size(), 3);
}

// Found by fuzzing: field 11 of a node, written again without the byte that was no character.
TEST_F(GraphDefTest, UnknownFieldsSpelledInCharactersAreTakenForText) {
  const std::string node = "\n\"" + std::string(34, 'X');
  EXPECT_THAT(std::string(ParseGraphDef(node).status().message()), ::testing::StartsWith("E_PARSE: 2:1: "));
  EXPECT_TRUE(ParseGraphDef(node + "\x3a\x01\x80").ok()) << "with it";
}

TEST_F(GraphDefTest, SavedModelIsToldFromGraph) {
  tf::SavedModel model;
  model.set_saved_model_schema_version(1);
  *model.add_meta_graphs()->mutable_graph_def() = SmallGraph();
  for (const std::string& bytes : {Binary(model), Text(model)}) {
    EXPECT_THAT(Message(ParseGraphDef(bytes)),
                AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("SavedModel"), HasSubstr("hint: ")));
  }
}

TEST_F(GraphDefTest, MetaGraphIsToldFromGraph) {
  tf::MetaGraphDef meta;
  meta.mutable_meta_info_def()->set_tensorflow_version("1.15");
  meta.mutable_meta_info_def()->mutable_stripped_op_list()->add_op()->set_name("AddV2");
  *meta.mutable_graph_def() = SmallGraph();
  for (const std::string& bytes : {Binary(meta), Text(meta)}) {
    EXPECT_THAT(Message(ParseGraphDef(bytes)), AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("MetaGraphDef")));
  }
}

// What tells a MetaGraphDef must not tell a graph with functions.
TEST_F(GraphDefTest, GraphWithFunctionsIsAGraph) {
  tf::GraphDef graph;
  tf::FunctionDef* function = graph.mutable_library()->add_function();
  function->mutable_signature()->set_name("f");
  *function->add_node_def() = SmallGraph().node(0);
  tf::GraphDef with_nodes = SmallGraph();
  *with_nodes.mutable_library() = graph.library();
  EXPECT_TRUE(ParseGraphDef(Binary(with_nodes)).ok());
  // The library before the nodes, as no writer has it but any may.
  EXPECT_TRUE(ParseGraphDef(Binary(graph) + Binary(SmallGraph())).ok());
  // A field that functions do not have stands where a node has its op.
  tf::FunctionDef* extended = with_nodes.mutable_library()->mutable_function(0);
  extended->GetReflection()->MutableUnknownFields(extended)->AddLengthDelimited(2, "\x01\x02");
  EXPECT_TRUE(ParseGraphDef(Binary(with_nodes)).ok());
  extended->GetReflection()->MutableUnknownFields(extended)->Clear();
  extended->GetReflection()->MutableUnknownFields(extended)->AddLengthDelimited(2, "zz");
  EXPECT_TRUE(ParseGraphDef(Binary(with_nodes)).ok()) << "its signature is no node's name";
}

TEST_F(GraphDefTest, OtherKindsOfFilesAreNamed) {
  EXPECT_THAT(Message(ParseGraphDef("PK\x03\x04rest")), AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("zip")));
  EXPECT_THAT(Message(ParseGraphDef("\x89HDF\r\n\x1A\n")), AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("HDF5")));
  EXPECT_THAT(Message(ParseGraphDef(std::string("\x1C\0\0\0TFL3", 8))),
              AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("TensorFlow Lite")));
  EXPECT_THAT(Message(ParseGraphDef("\x1F\x8B\x08")), AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("gzip")));
  EXPECT_THAT(Message(ParseGraphDef("MOULINB\n\x01")), AllOf(HasSubstr("E_WRONG_TYPE"), HasSubstr("Moulin bundle")));
}

// The first node's name lies where another format has its magic.
TEST_F(GraphDefTest, NamesMakeNoOtherKind) {
  tf::GraphDef graph = SmallGraph();
  graph.mutable_node(0)->set_name("TFL3");
  const auto read = ParseGraphDef(Binary(graph));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->node(0).name(), "TFL3");
}

TEST_F(GraphDefTest, FileAboveTheLimitIsNotRead) {
  Limits limits;
  limits.graph_bytes = 100;
  EXPECT_THAT(ReadGraphDef(Write("big.pb", std::string(101, 'x')), limits), FailsWith("E_LIMIT"));
  // A sparse file of 1 TiB.
  const std::string path = Write("sparse.pb", "x");
  std::filesystem::resize_file(path, int64_t{1} << 40);
  EXPECT_THAT(ReadGraphDef(path), FailsWith("E_LIMIT"));
}

TEST_F(GraphDefTest, CountsAreBounded) {
  Limits limits;
  limits.nodes = 2;
  EXPECT_THAT(ParseGraphDef(Binary(SmallGraph()), limits), FailsWith("E_LIMIT"));
  limits = Limits();
  limits.inputs_per_node = 1;
  EXPECT_THAT(Message(ParseGraphDef(Binary(SmallGraph()), limits)),
              AllOf(HasSubstr("E_LIMIT"), HasSubstr("in node[2]")));
  tf::GraphDef graph = SmallGraph();
  graph.mutable_library()->add_function();
  graph.mutable_library()->add_function();
  limits = Limits();
  limits.functions = 1;
  EXPECT_THAT(ParseGraphDef(Binary(graph), limits), FailsWith("E_LIMIT"));
}

TEST_F(GraphDefTest, CountsAreBoundedInText) {
  Limits limits;
  limits.nodes = 2;
  EXPECT_THAT(ParseGraphDef(Text(SmallGraph()), limits), FailsWith("E_LIMIT"));
  limits = Limits();
  limits.inputs_per_node = 1;
  EXPECT_THAT(Message(ParseGraphDef(Text(SmallGraph()), limits)), AllOf(HasSubstr("E_LIMIT"), HasSubstr("\"sum\"")));
  std::string empty_nodes;
  for (int i = 0; i < 3'000'000; ++i) empty_nodes += "node{}";
  EXPECT_THAT(ParseGraphDef(empty_nodes), FailsWith("E_LIMIT"));
}

TEST_F(GraphDefTest, RankIsBounded) {
  tf::GraphDef graph = SmallGraph();
  auto* shape = (*graph.mutable_node(1)->mutable_attr())["value"].mutable_tensor()->mutable_tensor_shape();
  while (shape->dim_size() < 254) shape->add_dim()->set_size(1);
  EXPECT_TRUE(ParseGraphDef(Binary(graph)).ok());
  shape->add_dim()->set_size(1);
  EXPECT_THAT(ParseGraphDef(Binary(graph)), FailsWith("E_LIMIT"));
  while (shape->dim_size() < 1'000'000) shape->add_dim()->set_size(1);
  EXPECT_THAT(ParseGraphDef(Binary(graph)), FailsWith("E_LIMIT"));
}

// 6 MB of empty shapes in one attribute would be 150 MB of messages.
TEST_F(GraphDefTest, TinyFieldsAreBounded) {
  const int64_t pairs = 3'000'000;
  std::string shapes;
  shapes.reserve(2 * pairs);
  for (int64_t i = 0; i < pairs; ++i) shapes += std::string("\x3A\0", 2);
  const auto field = [](const char* tag, const std::string& content) {
    std::string length;
    for (size_t n = content.size();; n >>= 7) {
      length.push_back(static_cast<char>((n & 0x7F) | (n > 0x7F ? 0x80 : 0)));
      if (n <= 0x7F) break;
    }
    return tag + length + content;
  };
  const std::string list = field("\x0A", shapes);                      // AttrValue.list
  const std::string entry = field("\x0A", "k") + field("\x12", list);  // the attribute
  const std::string node = field("\x0A", "n") + field("\x12", "NoOp") + field("\x2A", entry);
  EXPECT_THAT(ParseGraphDef(field("\x0A", node)), FailsWith("E_LIMIT"));
}

// An attribute that is a function with an attribute that is a function...
tf::GraphDef NestedGraph(int depth) {
  tf::GraphDef graph;
  tf::NodeDef* node = graph.add_node();
  node->set_name("n");
  node->set_op("NoOp");
  tf::AttrValue* attr = &(*node->mutable_attr())["f"];
  for (int i = 0; i < depth; ++i) attr = &(*attr->mutable_func()->mutable_attr())["f"];
  attr->set_i(1);
  return graph;
}

TEST_F(GraphDefTest, DepthIsBounded) {
  EXPECT_TRUE(ParseGraphDef(Binary(NestedGraph(20))).ok());
  EXPECT_TRUE(ParseGraphDef(Text(NestedGraph(20))).ok());
  EXPECT_THAT(ParseGraphDef(Binary(NestedGraph(21))), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseGraphDef(Binary(NestedGraph(300))), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseGraphDef(Text(NestedGraph(300))), FailsWith("E_LIMIT"));
}

TEST_F(GraphDefTest, TextNestedWithoutEnd) {
  std::string text = "node {";
  for (int i = 0; i < 100'000; ++i) text += " attr { value { list { tensor {";
  EXPECT_THAT(ParseGraphDef(text), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseGraphDef("node " + std::string(1'000'000, '{')), FailsWith("E_LIMIT"));
  EXPECT_THAT(ParseGraphDef("node " + std::string(1'000'000, '<')), FailsWith("E_LIMIT"));
}

TEST_F(GraphDefTest, BracketsInStringsAndCommentsDoNotNest) {
  const std::string braces(200, '{');
  const auto graph =
      ParseGraphDef("# " + braces + "\nnode { name: \"" + braces + "\\\"" + braces + "\" op: '" + braces + "' }");
  ASSERT_TRUE(graph.ok()) << graph.status();
}

TEST_F(GraphDefTest, TextErrorsTellLineAndColumn) {
  EXPECT_THAT(Message(ParseGraphDef("node {\n  name: \"a\"\n  nmae: \"b\"\n}\n")),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("3:"), HasSubstr("nmae")));
  EXPECT_THAT(Message(ParseGraphDef("node {\n  name: \"a\n}\n")), AllOf(HasSubstr("E_PARSE"), HasSubstr("2:")));
  EXPECT_THAT(Message(ParseGraphDef("node {\n  name: \"a")), AllOf(HasSubstr("E_PARSE"), HasSubstr("2:9")));
  EXPECT_THAT(Message(ParseGraphDef(std::string("node {\n  na\0me: \"a\" }", 21))),
              AllOf(HasSubstr("E_PARSE"), HasSubstr("2:5")));
  EXPECT_THAT(Message(ParseGraphDef("node {\n  name: \"\xFF\" }")), AllOf(HasSubstr("E_PARSE"), HasSubstr("2:10")));
  EXPECT_THAT(Message(ParseGraphDef("hello world")), AllOf(HasSubstr("E_PARSE"), HasSubstr("1:")));
}

TEST_F(GraphDefTest, NumbersOfUnknownTypesAreKept) {
  const auto graph = ParseGraphDef("node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: 9999 } } }");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(static_cast<int>(graph->node(0).attr().at("dtype").type()), 9999);
}

}  // namespace
}  // namespace moulin
