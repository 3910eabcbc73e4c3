#include "formats/savedmodel.h"

#include "formats/proto_io.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SavedModelTest : public FormatTest {
 protected:
  // A model with a graph for each set of tags; the node's name tells which.
  static tf::SavedModel Model(const std::vector<std::vector<std::string>>& tags) {
    tf::SavedModel model;
    model.set_saved_model_schema_version(1);
    for (size_t i = 0; i < tags.size(); ++i) {
      tf::MetaGraphDef* graph = model.add_meta_graphs();
      for (const std::string& tag : tags[i]) graph->mutable_meta_info_def()->add_tags(tag);
      tf::NodeDef* node = graph->mutable_graph_def()->add_node();
      node->set_name("graph" + std::to_string(i));
      node->set_op("NoOp");
    }
    tf::SignatureDef& signature = (*model.mutable_meta_graphs(0)->mutable_signature_def())["serving_default"];
    (*signature.mutable_inputs())["x"].set_name("x:0");
    return model;
  }
  static std::string Binary(const tf::SavedModel& model) { return SerializeProto(model, ProtoForm::kBinary).value(); }
  static std::string Text(const tf::SavedModel& model) { return SerializeProto(model, ProtoForm::kText).value(); }
  static std::string NodeOf(const StatusOr<SavedModelFile>& file) {
    return file.ok() ? file->meta_graph.graph_def().node(0).name() : Message(file);
  }
};

TEST_F(SavedModelTest, BinaryAndText) {
  Write("binary/saved_model.pb", Binary(Model({{"serve"}})));
  Write("text/saved_model.pbtxt", Text(Model({{"serve"}})));
  for (const char* name : {"binary", "text"}) {
    EXPECT_TRUE(IsSavedModelDirectory(Path(name)));
    const auto file = ReadSavedModel(Path(name));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->meta_graph.signature_def().at("serving_default").inputs().at("x").name(), "x:0");
    EXPECT_EQ(file->directory, Path(name));
    EXPECT_FALSE(file->has_variables);
  }
}

TEST_F(SavedModelTest, Variables) {
  Write("m/saved_model.pb", Binary(Model({{"serve"}})));
  Write("m/variables/variables.index", "");
  EXPECT_TRUE(ReadSavedModel(Path("m"))->has_variables);
}

TEST_F(SavedModelTest, HighestVersionIsTaken) {
  Write("m/2/saved_model.pb", Binary(Model({{"serve"}})));
  Write("m/10/saved_model.pb", Binary(Model({{"serve"}})));
  Write("m/11/nothing", "");
  Write("m/new/saved_model.pb", Binary(Model({{"serve"}})));
  EXPECT_TRUE(IsSavedModelDirectory(Path("m")));
  EXPECT_EQ(ReadSavedModel(Path("m"))->directory, Path("m/10"));
  EXPECT_EQ(ReadSavedModel(Path("m/2"))->directory, Path("m/2"));
}

TEST_F(SavedModelTest, TagsChooseTheGraph) {
  Write("m/saved_model.pb", Binary(Model({{"train"}, {"serve", "gpu"}, {"serve"}})));
  EXPECT_EQ(NodeOf(ReadSavedModel(Path("m"))), "graph2");
  EXPECT_EQ(NodeOf(ReadSavedModel(Path("m"), {"gpu", "serve"})), "graph1");
  EXPECT_EQ(NodeOf(ReadSavedModel(Path("m"), {"train"})), "graph0");
  EXPECT_THAT(NodeOf(ReadSavedModel(Path("m"), {"tpu"})),
              AllOf(HasSubstr("E_NAME"), HasSubstr("{tpu}"), HasSubstr("{train}, {gpu,serve}, {serve}")));
}

TEST_F(SavedModelTest, OnlyGraphNeedsNoTag) {
  Write("one/saved_model.pb", Binary(Model({{}})));
  EXPECT_EQ(NodeOf(ReadSavedModel(Path("one"))), "graph0");
  Write("two/saved_model.pb", Binary(Model({{"a"}, {"b"}})));
  EXPECT_THAT(ReadSavedModel(Path("two")), FailsWith("E_NAME"));
}

TEST_F(SavedModelTest, WhatIsNoSavedModel) {
  EXPECT_FALSE(IsSavedModelDirectory(Path("absent")));
  EXPECT_THAT(ReadSavedModel(Path("absent")), FailsWith("E_FILE"));
  EXPECT_THAT(ReadSavedModel(Write("file", "x")), FailsWith("E_FILE"));
  Write("hollow/readme", "");
  EXPECT_THAT(ReadSavedModel(Path("hollow")), FailsWith("E_FILE"));
  Write("both/saved_model.pb", "");
  Write("both/saved_model.pbtxt", "");
  EXPECT_THAT(ReadSavedModel(Path("both")), FailsWith("E_DUP"));
  Write("empty/saved_model.pb", "");
  EXPECT_THAT(ReadSavedModel(Path("empty")), FailsWith("E_EMPTY"));
  Write("random/saved_model.pb", "\x0A\xFF\xFF");
  EXPECT_THAT(Message(ReadSavedModel(Path("random"))), AllOf(HasSubstr("E_PARSE"), HasSubstr("saved_model.pb")));
}

// What reading says of the graph that `change` has changed.
template <typename Change>
std::string Judged(const Change& change) {
  tf::MetaGraphDef graph;
  graph.mutable_object_graph_def()->add_nodes()->add_children()->set_node_id(0);  // it knows itself
  graph.add_asset_file_def()->set_filename("words.txt");
  change(graph);
  return Message(CheckMetaGraph(graph));
}

TEST_F(SavedModelTest, AssetsStayInTheirFolder) {
  EXPECT_EQ(Judged([](tf::MetaGraphDef&) {}), "");
  for (const std::string& name :
       {std::string("../../etc/passwd"), std::string("/etc/passwd"), std::string(""), std::string(".."),
        std::string("."), std::string("a/b"), std::string("a\\b"), std::string("a\0b", 3), std::string(300, 'x')}) {
    EXPECT_THAT(Judged([&](tf::MetaGraphDef& g) { g.mutable_asset_file_def(0)->set_filename(name); }),
                HasSubstr("E_NAME: an asset"))
        << name;
  }
}

TEST_F(SavedModelTest, KeysOfSignatures) {
  EXPECT_THAT(Judged([](tf::MetaGraphDef& g) { (*g.mutable_signature_def())[""]; }), HasSubstr("E_NAME"));
  EXPECT_THAT(Judged([](tf::MetaGraphDef& g) { (*(*g.mutable_signature_def())["s"].mutable_inputs())[""]; }),
              AllOf(HasSubstr("E_NAME"), HasSubstr("signature \"s\"")));
  EXPECT_THAT(Judged([](tf::MetaGraphDef& g) {
                (*g.mutable_signature_def())["caf\u00e9"];
                (*g.mutable_signature_def())["cafe\u0301"];
              }),
              HasSubstr("E_DUP"));
}

TEST_F(SavedModelTest, ObjectsThatAreNot) {
  for (const int id : {-1, 1, 1 << 30}) {
    EXPECT_THAT(Judged([&](tf::MetaGraphDef& g) {
                  g.mutable_object_graph_def()->mutable_nodes(0)->mutable_children(0)->set_node_id(id);
                }),
                HasSubstr("E_PARSE"));
    EXPECT_THAT(Judged([&](tf::MetaGraphDef& g) {
                  (*g.mutable_object_graph_def()->mutable_concrete_functions())["f"].add_bound_inputs(id);
                }),
                HasSubstr("E_PARSE"));
  }
}

TEST_F(SavedModelTest, TruncatedAtEveryByte) {
  const std::string whole = Binary(Model({{"serve"}, {"train"}}));
  for (size_t size = 1; size < whole.size(); ++size) {
    Write("m/saved_model.pb", whole.substr(0, size));
    const auto file = ReadSavedModel(Path("m"));
    if (file.ok()) {
      EXPECT_EQ(NodeOf(file), "graph0");
    }
  }
}

}  // namespace
}  // namespace moulin
