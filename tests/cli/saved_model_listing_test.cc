#include "cli/saved_model_listing.h"

#include <fstream>
#include <iterator>

#include "cli/python_value.h"
#include "formats/savedmodel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kModel[] = "tests/cli/data/arguments";
constexpr char kListing[] = "tests/cli/data/arguments/show_all.txt";

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The text is saved_model_cli's (with the ops in order), the model is made by tests/cli/make_saved_models.py.
TEST(SavedModelListingTest, AsSavedModelCliPrints) {
  const auto whole = ReadWholeSavedModel(kModel);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(SavedModelListing(whole->model), ReadText(kListing));
}

tf::SavedModel OneGraph() {
  tf::SavedModel model;
  tf::MetaGraphDef& graph = *model.add_meta_graphs();
  graph.mutable_meta_info_def()->add_tags("serve");
  graph.mutable_graph_def()->add_node()->set_op("NoOp");
  return model;
}

TEST(SavedModelListingTest, GraphsByRisingTags) {
  tf::SavedModel model = OneGraph();
  tf::MetaGraphDef& second = *model.add_meta_graphs();
  second.mutable_meta_info_def()->add_tags("serve");
  second.mutable_meta_info_def()->add_tags("gpu");
  model.add_meta_graphs()->mutable_meta_info_def()->add_tags("it's");
  EXPECT_EQ(SavedModelListing(model),
            "\nMetaGraphDef with tag-set: 'it's' contains the following SignatureDefs:\n"
            "The MetaGraph with tag set [\"it's\"] contains the following ops: set()\n"
            "\nMetaGraphDef with tag-set: 'serve' contains the following SignatureDefs:\n"
            "The MetaGraph with tag set ['serve'] contains the following ops: {'NoOp'}\n"
            "\nMetaGraphDef with tag-set: 'serve, gpu' contains the following SignatureDefs:\n"
            "The MetaGraph with tag set ['serve', 'gpu'] contains the following ops: set()\n");
}

TEST(SavedModelListingTest, FunctionsThatDoNotLoad) {
  const char* refused = "\nConcrete Functions: N/A (could not be listed due to unknown reasons)\n";
  tf::SavedModel model = OneGraph();
  tf::SavedObjectGraph& objects = *model.mutable_meta_graphs(0)->mutable_object_graph_def();
  auto& child = *objects.add_nodes()->add_children();
  child.set_local_name("f");
  EXPECT_THAT(SavedModelListing(model), EndsWith("\nConcrete Functions:"));  // the child is no function
  child.set_node_id(7);
  EXPECT_THAT(SavedModelListing(model), EndsWith(refused));
  child.set_node_id(1);
  objects.add_nodes()->mutable_function()->add_concrete_functions("missing");
  EXPECT_THAT(SavedModelListing(model), EndsWith(refused));
}

TEST(SavedModelListingTest, FunctionsInACircle) {
  tf::SavedModel model = OneGraph();
  model.mutable_meta_graphs(0)->mutable_object_graph_def()->add_nodes();
  auto& library = *model.mutable_meta_graphs(0)->mutable_graph_def()->mutable_library();
  for (const auto& [name, callee] : {std::pair("a", "b"), std::pair("b", "a")}) {
    tf::FunctionDef& f = *library.add_function();
    f.mutable_signature()->set_name(name);
    f.add_node_def()->set_op(callee);
  }
  EXPECT_THAT(SavedModelListing(model), HasSubstr("N/A"));
}

TEST(PythonValueTest, Floats) {
  for (const auto& [value, text] : std::initializer_list<std::pair<double, const char*>>{
           {0, "0.0"},
           {-0.0, "-0.0"},
           {1.5, "1.5"},
           {-0.1, "-0.1"},
           {123456789.125, "123456789.125"},
           {1e15, "1000000000000000.0"},
           {1e16, "1e+16"},
           {1.25e20, "1.25e+20"},
           {0.0001, "0.0001"},
           {0.00001, "1e-05"},
           {1e-300, "1e-300"},
           {HUGE_VAL, "inf"},
           {-HUGE_VAL, "-inf"},
           {NAN, "nan"},
       }) {
    EXPECT_EQ(PythonRepr(value), text);
  }
}

TEST(PythonValueTest, Strings) {
  EXPECT_EQ(PythonRepr("plain"), "'plain'");
  EXPECT_EQ(PythonRepr("it's"), "\"it's\"");
  EXPECT_EQ(PythonRepr("it's \"so\""), "'it\\'s \"so\"'");
  EXPECT_EQ(PythonRepr("a\\b\n\t\r\x01\x7f"), "'a\\\\b\\n\\t\\r\\x01\\x7f'");
}

TEST(PythonValueTest, Types) {
  EXPECT_EQ(PythonDType(tf::DT_FLOAT), "tf.float32");
  EXPECT_EQ(PythonDType(tf::DT_HALF_REF), "tf.float16_ref");
  EXPECT_EQ(PythonDType(tf::DT_FLOAT8_E5M2), "tf.float8_e5m2");
}

}  // namespace
}  // namespace moulin::cli
