// Models that have the same weights hold them once: those of a bundle, and signatures loaded one by one. Of a model of
// several stages the first releases what the others do not read.
#include <cmath>
#include <filesystem>

#include "engine/bundle_examples.h"
#include "engine/model_impl.h"
#include "engine/weights.h"
#include "formats/bundle.h"
#include "formats/graphdef.h"
#include "formats/npz.h"
#include "formats/tensor_proto.h"
#include "google/protobuf/text_format.h"
#include "nlohmann/json.hpp"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

constexpr int64_t kSharedSize = 300;  // a weight of 360 kB
constexpr int64_t kBytes = kSharedSize * kSharedSize * static_cast<int64_t>(sizeof(float));

Tensor Weight(int period) {
  Tensor t = Tensor::Allocate(DType::kFloat32, Shape({kSharedSize, kSharedSize})).value();
  for (int64_t i = 0; i < t.num_elements(); ++i) t.mutable_values<float>()[i] = static_cast<float>(2 - i % period);
  return t;
}
// y = x w, n = |x w|, and z = (those rows of y that the mask tells) w2: a stage of its own.
tf::GraphDef Parse() {
  tf::GraphDef graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "shape" value { shape { dim { size: -1 } dim { size: 300 } } } } }
    node { name: "mask" op: "Placeholder" attr { key: "dtype" value { type: DT_BOOL } }
           attr { key: "shape" value { shape { dim { size: -1 } } } } }
    node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "w2" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "flat" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
           attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: -1 } } } }
    node { name: "zero" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
           attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape {} int_val: 0 } } } }
    node { name: "y" op: "MatMul" input: "x" input: "w" attr { key: "T" value { type: DT_FLOAT } } }
    node { name: "n" op: "Abs" input: "y" attr { key: "T" value { type: DT_FLOAT } } }
    node { name: "where" op: "Where" input: "mask" attr { key: "T" value { type: DT_BOOL } } }
    node { name: "rows" op: "Reshape" input: "where" input: "flat" attr { key: "T" value { type: DT_INT64 } } }
    node { name: "some" op: "GatherV2" input: "y" input: "rows" input: "zero"
           attr { key: "Tparams" value { type: DT_FLOAT } } attr { key: "Tindices" value { type: DT_INT64 } }
           attr { key: "Taxis" value { type: DT_INT32 } } }
    node { name: "z" op: "MatMul" input: "some" input: "w2" attr { key: "T" value { type: DT_FLOAT } } })",
                                                            &graph));
  TensorToProto(Weight(7), (*graph.mutable_node(2)->mutable_attr())["value"].mutable_tensor());
  TensorToProto(Weight(5), (*graph.mutable_node(3)->mutable_attr())["value"].mutable_tensor());
  return graph;
}

int64_t Released(const Model& model) { return model.impl().program()->weights()->released_bytes(); }

// The addresses of a model's large constants.
std::vector<const void*> Addresses(const Model& model) {
  std::vector<const void*> addresses;
  for (const Tensor& constant : internal::LargeConstants(model.impl().program()->graph())) {
    addresses.push_back(constant.data());
  }
  return addresses;
}

class SharedWeightsTest : public ::testing::Test {
 protected:
  SharedWeightsTest() {
    EXPECT_TRUE(WriteGraphDef(Parse(), file_).ok());
    internal::BundleSignature y, n;
    y.name = "serving_default";
    y.inputs = n.inputs = {{"x", "x:0"}};
    y.outputs = {{"y", "y:0"}};
    n.name = "absolute";
    n.outputs = {{"n", "n:0"}};
    y.warm_up = n.warm_up = {"in"};
    BundleWriter writer;
    const std::map<std::string, std::string> files = {{"in", EncodeNpz({{"x", Ones(2, kSharedSize)}}).value()}};
    EXPECT_TRUE(writer.AddModel("net", Parse(), internal::ToMetadata({y, n}), files).ok());
    EXPECT_TRUE(writer.Write(bundle_).ok());
  }
  ~SharedWeightsTest() override {
    std::filesystem::remove(file_);
    std::filesystem::remove(bundle_);
  }
  std::shared_ptr<Model> Load(const std::string& path, const std::string& output) {
    ModelOptions options;
    if (!output.empty()) options.outputs = {{"", output}};
    auto model = engine_->Load(path, options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }
  static float First(Model& model, int64_t rows) { return FirstValue(model.Run({{"x", Ones(rows, kSharedSize)}})); }

  const std::string file_ = std::string(::testing::TempDir()) + "moulin_shared_weights.pb";
  const std::string bundle_ = std::string(::testing::TempDir()) + "moulin_shared_weights.moulin";
  const std::unique_ptr<Engine> engine_ = Engine::Create({.device = "cpu", .threads = 1}).value();
};

float ColumnSum(const Tensor& weight) {
  float sum = 0;
  for (int64_t i = 0; i < kSharedSize; ++i) sum += weight.values<float>()[i * kSharedSize];
  return sum;
}

TEST_F(SharedWeightsTest, SignaturesOfABundle) {
  const float sum = ColumnSum(Weight(7));
  ASSERT_LT(sum, 0);
  const auto bundle = engine_->LoadBundle(bundle_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  Model& y = *bundle->model("net").value();
  Model& n = *bundle->model("net:absolute").value();
  EXPECT_EQ(Addresses(y), Addresses(n));
  for (const int64_t rows : {2, 1, 9, 2}) {  // the first as it was warmed up
    EXPECT_EQ(First(y, rows), sum) << rows;
    EXPECT_EQ(First(n, rows), std::abs(sum)) << rows;
  }
  if (Released(y) == 0) GTEST_SKIP() << "this CPU's kernels take the weight as it is";
  EXPECT_EQ(Released(y), kBytes);
  EXPECT_EQ(Released(n), kBytes);
  EXPECT_LT(y.stats().constant_bytes, 2 * kBytes) << "packed once";
}

TEST_F(SharedWeightsTest, ModelsLoadedOneAfterTheOther) {
  const float sum = ColumnSum(Weight(7));
  const auto y = Load(file_, "y");
  EXPECT_EQ(First(*y, 2), sum);
  const bool is_packed = Released(*y) > 0;
  const auto n = Load(file_, "n");  // of weights that are released
  EXPECT_EQ(Addresses(*y), Addresses(*n));
  EXPECT_EQ(First(*n, 2), std::abs(sum));
  EXPECT_EQ(First(*y, 3), sum);
  const auto bundled = Load(bundle_ + ":net:absolute", "");
  EXPECT_EQ(Addresses(*y), Addresses(*bundled));
  EXPECT_EQ(First(*bundled, 3), std::abs(sum));
  if (!is_packed) GTEST_SKIP() << "this CPU's kernels take the weight as it is";
  EXPECT_EQ(Released(*n), kBytes);
  EXPECT_LT(y->stats().constant_bytes, 2 * kBytes) << "packed once";
}

TEST_F(SharedWeightsTest, TheFirstStageReleasesWhatTheOthersDoNotRead) {
  const auto model = Load(file_, "z");
  // Each row of y is the same, so each row of z is too.
  const Tensor w = Weight(7), w2 = Weight(5);
  double expected = 0;
  for (int64_t k = 0; k < kSharedSize; ++k) {
    double y = 0;
    for (int64_t i = 0; i < kSharedSize; ++i) y += w.values<float>()[i * kSharedSize + k];
    expected += y * w2.values<float>()[k * kSharedSize];
  }
  bool is_packed = false;
  for (const std::vector<bool>& mask : {std::vector<bool>{true, false}, {true, true}, {true}, {true, false, true}}) {
    Tensor m = Tensor::Allocate(DType::kBool, Shape({static_cast<int64_t>(mask.size())})).value();
    std::copy(mask.begin(), mask.end(), m.mutable_values<bool>().begin());
    const auto z = model->Run({{"x", Ones(static_cast<int64_t>(mask.size()), kSharedSize)}, {"mask", m}});
    ASSERT_TRUE(z.ok()) << z.status();
    EXPECT_NEAR(z->front().second.values<float>()[0], expected, std::abs(expected) * 1e-5) << mask.size();
    is_packed = is_packed || Released(*model) == kBytes;
  }
  if (Released(*model) == 0) GTEST_SKIP() << "this CPU's kernels take the weights as they are";
  EXPECT_TRUE(is_packed);
}

// y = batch normalisation of conv(x, w), whose scale of 2 the passes put into w: a filter that bundles keep apart,
// though it is small.
tf::GraphDef Convolution() {
  tf::GraphDef graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "shape" value { shape { dim { size: 1 } dim { size: 3 } dim { size: 3 } dim { size: 8 } } } } }
    node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "scale" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "zero" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "one" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "conv" op: "Conv2D" input: "x" input: "w" attr { key: "T" value { type: DT_FLOAT } }
           attr { key: "strides" value { list { i: [1, 1, 1, 1] } } } attr { key: "padding" value { s: "VALID" } } }
    node { name: "y" op: "FusedBatchNormV3" input: "conv" input: "scale" input: "zero" input: "zero" input: "one"
           attr { key: "T" value { type: DT_FLOAT } } attr { key: "U" value { type: DT_FLOAT } }
           attr { key: "epsilon" value { f: 0 } } attr { key: "is_training" value { b: false } } })",
                                                            &graph));
  const auto set = [&](int node, const Shape& shape, float value) {
    const std::vector<float> values(shape.num_elements(), value);
    TensorToProto(Tensor::Of<float>(shape, values),
                  (*graph.mutable_node(node)->mutable_attr())["value"].mutable_tensor());
  };
  set(1, Shape({3, 3, 8, 16}), 1);
  set(2, Shape({16}), 2);
  set(3, Shape({16}), 0);
  set(4, Shape({16}), 1);
  return graph;
}

TEST_F(SharedWeightsTest, NoModelWritesWhatAnotherHas) {
  BundleWriter writer;
  EXPECT_TRUE(writer.AddModel("a", Convolution(), nlohmann::json::object()).ok());
  EXPECT_TRUE(writer.AddModel("b", Convolution(), nlohmann::json::object()).ok());
  ASSERT_TRUE(writer.Write(bundle_).ok());
  const auto bundle = engine_->LoadBundle(bundle_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const Tensor x = Tensor::Of<float>(Shape({1, 3, 3, 8}), std::vector<float>(72, 1));
  EXPECT_EQ(FirstValue(bundle->model("a").value()->Run({{"x", x}})), 144);
  EXPECT_EQ(FirstValue(bundle->model("b").value()->Run({{"x", x}})), 144);
}

}  // namespace
}  // namespace moulin
