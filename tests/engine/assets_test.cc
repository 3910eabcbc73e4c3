// Tables filled from the files that come with a SavedModel.
#include "engine/assets.h"

#include <filesystem>

#include "formats/file.h"
#include "formats/proto_io.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "moulin/engine.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

tf::NodeDef* AddNode(tf::GraphDef* graph, const std::string& name, const std::string& op,
                     const std::vector<std::string>& inputs) {
  tf::NodeDef* node = graph->add_node();
  node->set_name(name);
  node->set_op(op);
  for (const std::string& input : inputs) node->add_input(input);
  return node;
}
void SetType(tf::NodeDef* node, const char* attr, tf::DataType type) { (*node->mutable_attr())[attr].set_type(type); }

// y = the number of the line of vocab.txt that x is, -1 for none.
tf::SavedModel VocabularyModel() {
  tf::SavedModel model;
  model.set_saved_model_schema_version(1);
  tf::MetaGraphDef* meta = model.add_meta_graphs();
  meta->mutable_meta_info_def()->add_tags("serve");
  tf::GraphDef* graph = meta->mutable_graph_def();
  tf::NodeDef* x = AddNode(graph, "x", "Placeholder", {});
  SetType(x, "dtype", tf::DT_STRING);
  (*x->mutable_attr())["shape"].mutable_shape()->add_dim()->set_size(-1);
  tf::NodeDef* none = AddNode(graph, "none", "Const", {});
  SetType(none, "dtype", tf::DT_INT64);
  tf::TensorProto* value = (*none->mutable_attr())["value"].mutable_tensor();
  value->set_dtype(tf::DT_INT64);
  value->mutable_tensor_shape();
  value->add_int64_val(-1);
  tf::NodeDef* file = AddNode(graph, "file", "Const", {});
  SetType(file, "dtype", tf::DT_STRING);
  tf::TensorProto* path = (*file->mutable_attr())["value"].mutable_tensor();
  path->set_dtype(tf::DT_STRING);
  path->mutable_tensor_shape();
  path->add_string_val("/where/it/was/trained/vocab.txt");
  tf::NodeDef* table = AddNode(graph, "table", "HashTableV2", {});
  SetType(table, "key_dtype", tf::DT_STRING);
  SetType(table, "value_dtype", tf::DT_INT64);
  tf::NodeDef* fill = AddNode(graph, "fill", "InitializeTableFromTextFileV2", {"table", "file"});
  (*fill->mutable_attr())["key_index"].set_i(-1);
  (*fill->mutable_attr())["value_index"].set_i(-2);
  tf::NodeDef* y = AddNode(graph, "y", "LookupTableFindV2", {"table", "x", "none"});
  SetType(y, "Tin", tf::DT_STRING);
  SetType(y, "Tout", tf::DT_INT64);
  tf::AssetFileDef* asset = meta->add_asset_file_def();
  asset->set_filename("vocab.txt");
  asset->mutable_tensor_info()->set_name("file:0");
  tf::SignatureDef& signature = (*meta->mutable_signature_def())["serving_default"];
  signature.set_method_name("tensorflow/serving/predict");
  const auto add = [](auto* map, const char* key, tf::DataType type) {
    tf::TensorInfo& info = (*map)[key];
    info.set_name(std::string(key) + ":0");
    info.set_dtype(type);
    info.mutable_tensor_shape()->add_dim()->set_size(-1);
  };
  add(signature.mutable_inputs(), "x", tf::DT_STRING);
  add(signature.mutable_outputs(), "y", tf::DT_INT64);
  return model;
}

class AssetsTest : public ::testing::Test {
 protected:
  AssetsTest() : model_(VocabularyModel()) {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("moulin_assets_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "assets");
    Write("assets/vocab.txt", "cat\ndog\n");
  }
  ~AssetsTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) const {
    ASSERT_TRUE(WriteFile((folder_ / name).string(), content).ok());
  }
  StatusOr<std::vector<int64_t>> LookUp(const std::vector<std::string>& words) const {
    Write("saved_model.pb", SerializeProto(model_, ProtoForm::kBinary).value());
    auto engine = Engine::Create({.device = "reference"}).value();
    const auto model = engine->Load(folder_.string());
    if (!model.ok()) return model.status();
    const auto outputs = (*model)->Run({{"x", Tensor::OfStrings(Shape({static_cast<int64_t>(words.size())}), words)}});
    if (!outputs.ok()) return outputs.status();
    const auto values = outputs->front().second.values<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  std::string ErrorNow() const { return std::string(LookUp({"cat"}).status().message()); }
  tf::MetaGraphDef* meta() { return model_.mutable_meta_graphs(0); }

  fs::path folder_;
  tf::SavedModel model_;
};

TEST_F(AssetsTest, FillTables) {
  const auto found = LookUp({"dog", "cow", "cat"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, ElementsAre(1, -1, 0));
}

TEST_F(AssetsTest, MissingOrMalformedFilesAreNamed) {
  Write("assets/vocab.txt", "cat\n\n");
  EXPECT_THAT(ErrorNow(), ::testing::AllOf(HasSubstr("line 2 is empty"), HasSubstr("vocab.txt"), HasSubstr("fill")));
  fs::remove(folder_ / "assets/vocab.txt");
  EXPECT_THAT(ErrorNow(), ::testing::AllOf(HasSubstr("E_FILE"), HasSubstr("vocab.txt")));
}

// What the graph says is only ever a name among those that the SavedModel lists.
TEST_F(AssetsTest, OtherFilesAreNotRead) {
  Write("secret.txt", "cat\ndog\n");
  meta()->mutable_asset_file_def(0)->mutable_tensor_info()->set_name("other:0");
  for (const std::string& path : {(folder_ / "secret.txt").string(), std::string("../secret.txt"), std::string()}) {
    tf::NodeDef* file = meta()->mutable_graph_def()->mutable_node(2);
    ASSERT_EQ(file->name(), "file");
    (*file->mutable_attr())["value"].mutable_tensor()->set_string_val(0, path);
    EXPECT_THAT(ErrorNow(), HasSubstr("lists no asset"));
  }
  meta()->mutable_asset_file_def(0)->set_filename("../secret.txt");
  EXPECT_THAT(ErrorNow(), HasSubstr("E_NAME"));
}

TEST_F(AssetsTest, LinksAreNotFollowed) {
  const fs::path file = folder_ / "assets/vocab.txt", elsewhere = folder_ / "elsewhere";
  fs::rename(file, elsewhere);
  fs::create_symlink("../elsewhere", file);
  EXPECT_THAT(ErrorNow(), ::testing::AllOf(HasSubstr("E_FILE"), HasSubstr("symbolic link")));
  fs::remove(file);
  fs::create_hard_link(elsewhere, file);
  EXPECT_THAT(ErrorNow(), ::testing::AllOf(HasSubstr("E_FILE"), HasSubstr("hard links")));
  fs::remove_all(folder_ / "assets");
  fs::create_directory(folder_ / "other");
  fs::rename(elsewhere, folder_ / "other/vocab.txt");
  fs::create_directory_symlink("other", folder_ / "assets");
  EXPECT_THAT(ErrorNow(), ::testing::AllOf(HasSubstr("E_FILE"), HasSubstr("symbolic link")));
}

TEST_F(AssetsTest, GraphsAloneBringNoFiles) {
  const std::string path = (folder_ / "graph.pb").string();
  ASSERT_TRUE(WriteFile(path, SerializeProto(meta()->graph_def(), ProtoForm::kBinary).value()).ok());
  auto engine = Engine::Create({.device = "reference"}).value();
  EXPECT_THAT(std::string(engine->Load(path, {.outputs = {{"y", "y:0"}}}).status().message()),
              ::testing::AllOf(HasSubstr("E_UNSUPPORTED"), HasSubstr("only a SavedModel brings files along")));
}

}  // namespace
}  // namespace moulin
