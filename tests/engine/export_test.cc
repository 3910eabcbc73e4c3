#include "engine/export.h"

#include "formats/file.h"
#include "formats/proto_io.h"
#include "formats/savedmodel.h"
#include "moulin/engine.h"
#include "tests/formats/format_test.h"

namespace moulin::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExportTest : public FormatTest {
 protected:
  static tf::NodeDef* AddNode(const char* name, const char* op, std::initializer_list<const char*> inputs,
                              tf::GraphDef* graph) {
    tf::NodeDef* node = graph->add_node();
    node->set_name(name);
    node->set_op(op);
    for (const char* input : inputs) node->add_input(input);
    return node;
  }

  // x (f32[?,2]) -> hidden (Relu) -> odd (an op that nobody knows); x -> shown (Tanh).
  std::string Frozen() const {
    tf::GraphDef graph;
    tf::NodeDef* x = AddNode("x", "Placeholder", {}, &graph);
    (*x->mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
    auto& shape = *(*x->mutable_attr())["shape"].mutable_shape();
    shape.add_dim()->set_size(-1);
    shape.add_dim()->set_size(2);
    (*AddNode("hidden", "Relu", {"x"}, &graph)->mutable_attr())["T"].set_type(tf::DT_FLOAT);
    (*AddNode("shown", "Tanh", {"x"}, &graph)->mutable_attr())["T"].set_type(tf::DT_FLOAT);
    AddNode("odd", "NobodyKnows", {"hidden"}, &graph);
    return Write("frozen.pb", SerializeProto(graph, ProtoForm::kBinary).value());
  }

  static SignatureChange Simple(const std::string& key, const std::string& output) {
    return {key, "", {{{"in", "x"}}}, {{{"out", output}}}};
  }

  StatusOr<ExportResult> ExportWith(SignatureEdits edits, const std::string& to = "out") const {
    return Export(Frozen(), Path(to), {.edits = std::move(edits)});
  }

  // The whole message of an export that must fail, and leave nothing behind.
  std::string Refusal(SignatureEdits edits) const {
    const auto result = ExportWith(std::move(edits), "refused");
    EXPECT_FALSE(std::filesystem::exists(Path("refused")));
    return Message(result);
  }
};

TEST_F(ExportTest, WhatIsWrittenLoads) {
  const auto result = ExportWith({.change = {Simple("serving_default", "shown"), Simple("other", "hidden:0")}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->signatures, ElementsAre("other", "serving_default"));
  EXPECT_THAT(result->warnings, IsEmpty());
  const auto file = ReadSavedModel(Path("out"));
  ASSERT_TRUE(file.ok()) << file.status();
  const tf::SignatureDef& signature = file->meta_graph.signature_def().at("serving_default");
  EXPECT_EQ(signature.method_name(), "tensorflow/serving/predict");
  EXPECT_EQ(signature.inputs().at("in").name(), "x:0");
  const tf::TensorInfo& output = signature.outputs().at("out");
  EXPECT_EQ(output.dtype(), tf::DT_FLOAT);
  ASSERT_EQ(output.tensor_shape().dim_size(), 2);  // found by loading: the node does not say it
  EXPECT_EQ(output.tensor_shape().dim(0).size(), -1);
  EXPECT_EQ(output.tensor_shape().dim(1).size(), 2);

  const auto engine = Engine::Create({.device = "reference"});
  const auto model = (*engine)->Load(Path("out"), {.signature = "other"});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto outputs = (*model)->Run({{"in", Tensor::Of<float>(Shape({1, 2}), {-1, 3})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ((*outputs)[0].first, "out");
  EXPECT_EQ((*outputs)[0].second.ToString(), "f32[1,2] {0, 3}");
}

TEST_F(ExportTest, EditsOfASavedModel) {
  ASSERT_TRUE(ExportWith({.change = {Simple("a", "shown"), Simple("b", "hidden")}}, "one").ok());
  SignatureEdits edits = {.remove = {"a"}, .rename = {{"b", "a"}}};
  edits.change.push_back({"a", "regress", std::nullopt, {{{"moved", "shown"}}}});  // the inputs stay
  const auto result = Export(Path("one"), Path("two"), {.edits = edits, .text = true});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->warnings, ElementsAre(AllOf(HasSubstr("TensorFlow Serving"), HasSubstr("\"a\""))));
  const auto file = ReadSavedModel(Path("two"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->meta_graph.signature_def().size(), 1);
  const tf::SignatureDef& signature = file->meta_graph.signature_def().at("a");
  EXPECT_EQ(signature.method_name(), "tensorflow/serving/regress");
  EXPECT_EQ(signature.inputs().at("in").name(), "x:0");
  EXPECT_EQ(signature.outputs().at("moved").name(), "shown:0");
  EXPECT_TRUE(std::filesystem::exists(Path("two/saved_model.pbtxt")));
}

// A variable of the signature is no object's, as far as the model tells.
TEST_F(ExportTest, ObjectsThatCannotFollowAreLeftOut) {
  const std::string source = "tests/engine/data/tf2_variables";
  std::filesystem::copy(source, Path("m"), std::filesystem::copy_options::recursive);
  tf::SavedModel model = ReadWholeSavedModel(source)->model;
  tf::MetaGraphDef& meta_graph = *model.mutable_meta_graphs(0);
  for (auto& [name, function] : *meta_graph.mutable_object_graph_def()->mutable_concrete_functions()) {
    function.clear_bound_inputs();
  }
  ASSERT_TRUE(WriteFile(Path("m/saved_model.pb"), SerializeProto(model, ProtoForm::kBinary).value()).ok());
  const tf::SignatureDef& like = meta_graph.signature_def().at("double");
  SignatureChange change{"again", "", std::vector<SignatureTensor>(), std::vector<SignatureTensor>()};
  for (const auto& [key, info] : like.inputs()) change.inputs->push_back({key, info.name()});
  for (const auto& [key, info] : like.outputs()) change.outputs->push_back({key, info.name()});
  const auto result = Export(Path("m"), Path("out"), {.edits = {.change = {change}}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->warnings, ElementsAre(AllOf(HasSubstr("objects of TensorFlow 2 are left out"),
                                                  HasSubstr("belongs to no object"), HasSubstr("\"again\""))));
  EXPECT_FALSE(ReadSavedModel(Path("out"))->meta_graph.has_object_graph_def());
}

// Of variables whose values are not there, a copy is a copy; who asks for it is told.
TEST_F(ExportTest, MissingVariablesAreTold) {
  std::filesystem::create_directories(Path("m"));
  std::filesystem::copy("tests/engine/data/tf2_variables/saved_model.pb", Path("m/saved_model.pb"));
  const auto result = Export(Path("m"), Path("out"), {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->warnings, ElementsAre(HasSubstr("the values of variables are missing")));
}

TEST_F(ExportTest, VariablesComeAlong) {
  const std::string source = "tests/engine/data/tf2_variables";
  const auto result = Export(source, Path("out"), {.edits = {.rename = {{"double", "twice"}}}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->warnings, IsEmpty());
  const auto file = ReadSavedModel(Path("out"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->meta_graph.object_graph_def().DebugString(), HasSubstr("local_name: \"twice\""));
  const auto engine = Engine::Create({.device = "reference"});
  std::string texts[2];
  for (const auto& [path, signature, text] :
       {std::tuple(source, "double", &texts[0]), std::tuple(Path("out"), "twice", &texts[1])}) {
    const auto model = (*engine)->Load(path, {.signature = signature});
    ASSERT_TRUE(model.ok()) << model.status();
    *text = (*model)->Run({{"x", Tensor::Of<float>(Shape({1, 2}), {1, 2})}})->front().second.ToString();
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST_F(ExportTest, UnsupportedOpsAreAWarning) {
  SignatureChange odd = Simple("serving_default", "odd");
  EXPECT_THAT(Refusal({.change = {odd}}), AllOf(HasSubstr("E_DTYPE"), HasSubstr("NobodyKnows"), HasSubstr("say it")));
  (*odd.outputs)[0].dtype = DType::kFloat32;
  const auto result = ExportWith({.change = {odd}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->warnings, ElementsAre(AllOf(HasSubstr("serving_default"), HasSubstr("NobodyKnows"))));
  EXPECT_TRUE(std::filesystem::exists(Path("out/saved_model.pb")));
}

TEST_F(ExportTest, TensorsThatAreNot) {
  EXPECT_THAT(
      Refusal({.change = {Simple("s", "shwon")}}),
      AllOf(HasSubstr("E_OUTPUT"), HasSubstr("did you mean \"shown\""), HasSubstr("signature \"s\", output \"out\"")));
  EXPECT_THAT(Refusal({.change = {Simple("s", "shown:1")}}), AllOf(HasSubstr("E_PORT"), HasSubstr("1 outputs")));
  EXPECT_THAT(Refusal({.change = {Simple("s", "shown:x")}}), HasSubstr("E_PORT"));
  EXPECT_THAT(Refusal({.change = {Simple("s", "")}}), HasSubstr("E_INPUT"));
  EXPECT_THAT(Refusal({.change = {{"s", "", {{}}, {{}}}}}), AllOf(HasSubstr("E_OUTPUT"), HasSubstr("no outputs")));
  // Nothing feeds the placeholder.
  EXPECT_THAT(Refusal({.change = {{"s", "", {{{"in", "hidden"}}}, {{{"out", "shown"}}}}}}),
              HasSubstr("signature \"s\""));
}

TEST_F(ExportTest, TypesAndShapesThatContradict) {
  SignatureChange change = Simple("s", "shown");
  (*change.outputs)[0].dtype = DType::kInt32;
  EXPECT_THAT(Refusal({.change = {change}}), AllOf(HasSubstr("E_DTYPE"), HasSubstr("float32"), HasSubstr("int32")));
  change = Simple("s", "shown");
  (*change.outputs)[0].shape = PartialShape({kUnknownDim, 3});
  EXPECT_THAT(Refusal({.change = {change}}), AllOf(HasSubstr("E_SHAPE"), HasSubstr("[?,2]"), HasSubstr("[?,3]")));
  (*change.outputs)[0].shape = PartialShape({7, 2});  // narrower is the caller's choice
  EXPECT_TRUE(ExportWith({.change = {change}}).ok());
}

TEST_F(ExportTest, KeysThatAreNot) {
  EXPECT_THAT(Refusal({.change = {Simple("", "shown")}}), AllOf(HasSubstr("E_NAME"), HasSubstr("empty")));
  EXPECT_THAT(Refusal({.change = {Simple("\xff", "shown")}}), AllOf(HasSubstr("E_NAME"), HasSubstr("UTF-8")));
  EXPECT_THAT(Refusal({.change = {Simple("__saved_model_init_op", "shown")}}), HasSubstr("TensorFlow's own"));
  EXPECT_THAT(Refusal({.change = {Simple("s", "shown"), Simple("s", "shown")}}), HasSubstr("E_DUP"));
  EXPECT_THAT(Refusal({.change = {Simple("caf\u00e9", "shown"), Simple("cafe\u0301", "shown")}}),
              AllOf(HasSubstr("E_DUP"), HasSubstr("Unicode")));
  EXPECT_THAT(Refusal({.change = {{"s", "", {{{"a", "x"}, {"a", "x"}}}, {{{"out", "shown"}}}}}}), HasSubstr("E_DUP"));
  EXPECT_THAT(Refusal({.change = {{"s", "", {{{"", "x"}}}, {{{"out", "shown"}}}}}}), HasSubstr("an empty key"));
  EXPECT_THAT(Refusal({.change = {{"s", "guess", {{{"a", "x"}}}, {{{"out", "shown"}}}}}}), HasSubstr("E_OPTION"));
  EXPECT_THAT(Refusal({.remove = {"absent"}, .change = {Simple("s", "shown")}}),
              AllOf(HasSubstr("E_NAME"), HasSubstr("it has: none")));
  EXPECT_THAT(Refusal({.rename = {{"absent", "s"}}}), HasSubstr("E_NAME"));
  EXPECT_THAT(Refusal({}), HasSubstr("no signature"));
  ASSERT_TRUE(ExportWith({.change = {Simple("a", "shown"), Simple("b", "shown")}}, "one").ok());
  EXPECT_THAT(Export(Path("one"), Path("no"), {.edits = {.rename = {{"a", "b"}}}}), FailsWith("E_DUP"));
  EXPECT_THAT(Export(Path("one"), Path("no"), {.edits = {.remove = {"a", "b"}}}), FailsWith("E_NAME"));
}

TEST_F(ExportTest, PlacesThatAreTaken) {
  Write("full/file", "x");
  EXPECT_THAT(Export(Frozen(), Path("full"), {.edits = {.change = {Simple("s", "shown")}}}), FailsWith("E_FILE"));
  EXPECT_THAT(Export(Path("absent.pb"), Path("out"), {}), FailsWith("E_FILE"));
  EXPECT_FALSE(std::filesystem::exists(Path("out")));
}

TEST_F(ExportTest, LinksAndAssetsThatLeadElsewhere) {
  ASSERT_TRUE(ExportWith({.change = {Simple("a", "shown")}}, "one").ok());
  Write("secret", "x");
  std::filesystem::create_directories(Path("one/assets"));
  std::filesystem::create_symlink(Path("secret"), Path("one/assets/vocabulary"));
  EXPECT_THAT(Export(Path("one"), Path("no"), {}), FailsWith("E_FILE"));
  std::filesystem::remove(Path("one/assets/vocabulary"));
  auto whole = ReadWholeSavedModel(Path("one"));
  for (const char* name : {"../secret", "/etc/passwd", "", "a/b", ".."}) {
    auto& assets = *whole->model.mutable_meta_graphs(0)->mutable_asset_file_def();
    assets.Clear();
    assets.Add()->set_filename(name);
    Write("one/saved_model.pb", SerializeProto(whole->model, ProtoForm::kBinary).value());
    EXPECT_THAT(Export(Path("one"), Path("no"), {}), FailsWith("E_NAME")) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(Path("no")));
}

}  // namespace
}  // namespace moulin::internal
