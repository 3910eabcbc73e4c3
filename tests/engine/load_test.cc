// Models from files: GraphDefs and bundles.
#include <cstdio>
#include <filesystem>

#include "engine/compare.h"
#include "engine/model_source.h"
#include "formats/bundle.h"
#include "formats/graphdef.h"
#include "google/protobuf/text_format.h"
#include "nlohmann/json.hpp"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

// y = relu(x * scale), with "mul" inside.
tf::GraphDef SmallGraph(float scale) {
  tf::GraphDef graph;
  const std::string text = absl::StrCat(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "shape" value { shape { dim { size: -1 } } } } }
    node { name: "scale" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: )",
                                        scale, R"( } } } }
    node { name: "mul" op: "Mul" input: "x" input: "scale" attr { key: "T" value { type: DT_FLOAT } } }
    node { name: "y" op: "Relu" input: "mul" attr { key: "T" value { type: DT_FLOAT } } })");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &graph));
  return graph;
}

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() { std::filesystem::create_directories(folder_); }
  ~LoadTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  const std::string folder_ = ::testing::TempDir() + "moulin_load_test";
  const std::unique_ptr<Engine> engine_ = ReferenceEngine();
};

TEST_F(LoadTest, BinaryAndTextGraphs) {
  ASSERT_TRUE(WriteGraphDef(SmallGraph(2), Path("net.pb")).ok());
  ASSERT_TRUE(WriteGraphDef(SmallGraph(3), Path("net.v2.pbtxt"), ProtoForm::kText).ok());
  const auto binary = engine_->Load(Path("net.pb"));
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_EQ((*binary)->name(), "net");
  EXPECT_EQ((*binary)->inputs()[0].name, "x");
  EXPECT_EQ((*binary)->inputs()[0].tensor, "x:0");
  EXPECT_EQ((*binary)->outputs()[0].name, "y");
  EXPECT_EQ(FirstValue((*binary)->Run({{"x:0", Floats({4})}})), 8);
  const auto text = engine_->Load(Path("net.v2.pbtxt"));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ((*text)->name(), "net.v2");
  EXPECT_EQ(FirstValue((*text)->Run({{"x", Floats({4})}}, {"y:0"})), 12);
}

TEST_F(LoadTest, InnerTensorsCanBeFedAndFetched) {
  ASSERT_TRUE(WriteGraphDef(SmallGraph(2), Path("net.pb")).ok());
  ModelOptions options;
  options.outputs = {{"product", "mul:0"}, {"", "y"}};
  const auto fetching = engine_->Load(Path("net.pb"), options);
  ASSERT_TRUE(fetching.ok()) << fetching.status();
  const auto both = (*fetching)->Run({{"x", Floats({-4})}});
  EXPECT_EQ(FindTensor(*both, "product")->values<float>()[0], -8);
  EXPECT_EQ(FindTensor(*both, "y")->values<float>()[0], 0);
  options = {};
  options.inputs = {{"", "mul:0"}};
  const auto feeding = engine_->Load(Path("net.pb"), options);
  ASSERT_TRUE(feeding.ok()) << feeding.status();
  EXPECT_EQ(FirstValue((*feeding)->Run({{"mul", Floats({5})}})), 5);
}

TEST_F(LoadTest, ErrorsNameTheFile) {
  const auto absent = engine_->Load(Path("absent.pb"));
  EXPECT_THAT(Message(absent.status()), HasSubstr("absent.pb"));
  EXPECT_THAT(Message(absent.status()), HasSubstr("E_FILE"));
  tf::GraphDef graph = SmallGraph(2);
  graph.mutable_node(3)->set_op("NoSuchOp");
  ASSERT_TRUE(WriteGraphDef(graph, Path("odd.pb")).ok());
  const auto odd = engine_->Load(Path("odd.pb"));
  EXPECT_EQ(odd.status().code(), absl::StatusCode::kUnimplemented) << odd.status();
  EXPECT_THAT(Message(odd.status()), HasSubstr("NoSuchOp"));
  EXPECT_THAT(Message(odd.status()), HasSubstr("odd.pb"));
}

TEST_F(LoadTest, Bundles) {
  BundleWriter writer;
  ASSERT_TRUE(writer.AddModel("two", SmallGraph(2), nlohmann::json::object()).ok());
  internal::BundleSignature signature;
  signature.inputs = {{"in", "x:0"}};
  signature.outputs = {{"out", "y:0"}};
  ASSERT_TRUE(writer.AddModel("three", SmallGraph(3), internal::ToMetadata({signature})).ok());
  ASSERT_TRUE(writer.Write(Path("b.moulin")).ok());
  const auto bundle = engine_->LoadBundle(Path("b.moulin"));
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ASSERT_EQ(bundle->models().size(), 2);
  EXPECT_EQ(FirstValue(bundle->model("two").value()->Run({{"x", Floats({1})}})), 2);
  EXPECT_EQ(FirstValue(bundle->model("three").value()->Run({{"in", Floats({1})}}, {"out"})), 3);
  const auto one = engine_->Load(Path("b.moulin:three"));
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*one)->name(), "three");
  EXPECT_EQ((*one)->inputs()[0].name, "in");
  EXPECT_THAT(Message(engine_->Load(Path("b.moulin:four")).status()), HasSubstr("four"));
  EXPECT_THAT(Message(engine_->Load(Path("b.moulin")).status()), HasSubstr("has 2 models; name one"));
  ModelOptions named;
  named.name = "x";
  EXPECT_EQ(engine_->LoadBundle(Path("b.moulin"), named).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadTest, CompareReadsAModel) {
  ASSERT_TRUE(WriteGraphDef(SmallGraph(2), Path("net.pb")).ok());
  const auto report = CompareModel(*engine_, *engine_, Path("net.pb"), {{"x", Floats({1, -1})}}, {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->agrees());
  EXPECT_EQ(report->values.front().name, "mul:0");
  EXPECT_EQ(report->values.back().name, "y");
}

}  // namespace
}  // namespace moulin
