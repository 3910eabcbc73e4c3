// Bundles with signatures, goldens, warm-up inputs and batch limits.
#include "engine/bundle_examples.h"

#include <filesystem>

#include "formats/npz.h"
#include "google/protobuf/text_format.h"
#include "nlohmann/json.hpp"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kWeights = 1000;

// Of one weight matrix w: "serving_default" gives x * w, "negative" gives -(x * w).
tf::GraphDef TwoWays() {
  tf::GraphDef graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
           attr { key: "shape" value { shape { dim { size: -1 } dim { size: 1000 } } } } }
    node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
    node { name: "y" op: "Mul" input: "x" input: "w" attr { key: "T" value { type: DT_FLOAT } } }
    node { name: "n" op: "Neg" input: "y" attr { key: "T" value { type: DT_FLOAT } } })",
                                                            &graph));
  std::vector<float> w(kWeights);
  for (int i = 0; i < kWeights; ++i) w[i] = static_cast<float>(i);
  tf::TensorProto* value = (*graph.mutable_node(1)->mutable_attr())["value"].mutable_tensor();
  value->set_dtype(tf::DT_FLOAT);
  value->mutable_tensor_shape()->add_dim()->set_size(kWeights);
  value->set_tensor_content(std::string(reinterpret_cast<const char*>(w.data()), kWeights * sizeof(float)));
  return graph;
}

// What x * w is for one row of ones, but for the last element.
Tensor Expected(float last) {
  std::vector<float> y(kWeights);
  for (int i = 0; i < kWeights; ++i) y[i] = static_cast<float>(i);
  y.back() = last;
  return Tensor::Of<float>(Shape({1, kWeights}), y);
}

class BundleExamplesTest : public ::testing::Test {
 protected:
  ~BundleExamplesTest() override { std::filesystem::remove(path_); }

  std::string Write(std::map<std::string, std::string> files, internal::BundleSignature first) {
    first.name = "serving_default";
    first.inputs = {{"x", "x:0"}};
    first.outputs = {{"y", "y:0"}};
    internal::BundleSignature second;
    second.name = "negative";
    second.inputs = {{"x", "x:0"}};
    second.outputs = {{"n", "n:0"}};
    BundleWriter writer;
    EXPECT_TRUE(writer.AddModel("net", TwoWays(), internal::ToMetadata({first, second}), files).ok());
    EXPECT_TRUE(writer.Write(path_).ok());
    return path_;
  }
  std::string WriteGolden(float last) {
    internal::BundleSignature signature;
    signature.goldens = {{"in", "out", {.rtol = 1e-6}}};
    return Write(
        {{"in", EncodeNpz({{"x", Ones(1, kWeights)}}).value()}, {"out", EncodeNpz({{"y", Expected(last)}}).value()}},
        signature);
  }

  const std::string path_ = std::string(::testing::TempDir()) + "moulin_bundle_examples.moulin";
};

TEST_F(BundleExamplesTest, SignaturesAreModelsThatShareWeights) {
  const auto engine = ReferenceEngine();
  const auto bundle = engine->LoadBundle(Write({}, {}));
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ASSERT_EQ(bundle->models().size(), 2);
  EXPECT_EQ(FirstValue(bundle->model("net").value()->Run({{"x", Ones(1, kWeights)}})), 0);
  const auto y = bundle->model("net").value()->Run({{"x", Ones(1, kWeights)}});
  const auto n = bundle->model("net:negative").value()->Run({{"x", Ones(1, kWeights)}});
  ASSERT_TRUE(y.ok() && n.ok()) << y.status() << n.status();
  EXPECT_EQ(y->front().second.values<float>()[7], 7);
  EXPECT_EQ(n->front().second.values<float>()[7], -7);
  EXPECT_EQ(bundle->model("net").value()->stats().constant_bytes, kWeights * sizeof(float)) << "held once";
  EXPECT_LT(std::filesystem::file_size(path_), 2 * kWeights * sizeof(float)) << "stored once";
}

TEST_F(BundleExamplesTest, SignaturesByNameAndByOption) {
  const auto engine = ReferenceEngine();
  Write({}, {});
  const auto by_path = engine->Load(path_ + ":net:negative");
  ASSERT_TRUE(by_path.ok()) << by_path.status();
  EXPECT_EQ((*by_path)->name(), "net:negative");
  EXPECT_EQ((*by_path)->outputs()[0].name, "n");
  EXPECT_EQ((*engine->Load(path_ + ":net", {.signature = "negative"}))->outputs()[0].name, "n");
  EXPECT_EQ((*engine->Load(path_))->outputs()[0].name, "y");
  EXPECT_THAT(Message(engine->Load(path_ + ":net:other").status()), AllOf(HasSubstr("E_NAME"), HasSubstr("negative")));
  EXPECT_THAT(Message(engine->Load(path_ + ":net:negative", {.signature = "serving_default"}).status()),
              HasSubstr("E_OPTION"));
}

TEST_F(BundleExamplesTest, GoldensThatHold) {
  const auto engine = ReferenceEngine({.verify_bundles = true});
  WriteGolden(kWeights - 1);
  const auto results = internal::VerifyBundle(*engine, path_, {});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2);
  EXPECT_TRUE((*results)[0].passed) << (*results)[0].reason;
  EXPECT_EQ((*results)[0].golden, "in");
  EXPECT_EQ((*results)[1].model, "net:negative");
  EXPECT_EQ((*results)[1].golden, "") << "has none";
  EXPECT_TRUE(engine->LoadBundle(path_).ok());
  EXPECT_TRUE(engine->Load(path_ + ":net").ok());
}

TEST_F(BundleExamplesTest, GoldensThatFailAreRefusedWhereAsked) {
  WriteGolden(7);
  const auto strict = ReferenceEngine({.verify_bundles = true});
  const auto results = internal::VerifyBundle(*strict, path_, {});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE((*results)[0].passed);
  EXPECT_EQ((*results)[0].max_abs, 992);
  EXPECT_THAT((*results)[0].reason, HasSubstr("output \"y\": element 999: expected f32[] {7}, found f32[] {999}"));
  for (const Status& status : {strict->LoadBundle(path_).status(), strict->Load(path_ + ":net").status()}) {
    EXPECT_THAT(Message(status), AllOf(HasSubstr("E_DATA"), HasSubstr("golden \"in\" fails"), HasSubstr(path_)));
  }
  EXPECT_TRUE(strict->Load(path_ + ":net:negative").ok()) << "which has none";
  EXPECT_TRUE(ReferenceEngine()->LoadBundle(path_).ok());
}

TEST_F(BundleExamplesTest, BrokenGoldensHaveFailed) {
  const std::string in = EncodeNpz({{"x", Ones(1, kWeights)}}).value();
  const std::string out = EncodeNpz({{"y", Expected(999)}}).value();
  const struct {
    std::map<std::string, std::string> files;
    const char* reason;
  } cases[] = {
      {{{"in", in}}, "E_DATA"},
      {{{"in", "no archive"}, {"out", out}}, "E_PARSE"},
      {{{"in", in}, {"out", EncodeNpz({{"z", Ones(1, kWeights)}}).value()}}, "has no output \"z\""},
      {{{"in", in}, {"out", EncodeNpz({}).value()}}, "without outputs"},
      {{{"in", EncodeNpz({{"q", Ones(1, kWeights)}}).value()}, {"out", out}}, "has no input \"q\""},
      {{{"in", EncodeNpz({{"x", Ones(2, kWeights)}}).value()}, {"out", out}},
       "expected f32[1,1000], found f32[2,1000]"},
  };
  const auto engine = ReferenceEngine();
  for (const auto& c : cases) {
    internal::BundleSignature signature;
    signature.goldens = {{"in", "out", {}}};
    const auto results = internal::VerifyBundle(*engine, Write(c.files, signature), {});
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_FALSE((*results)[0].passed) << c.reason;
    EXPECT_THAT((*results)[0].reason, HasSubstr(c.reason));
  }
}

TEST_F(BundleExamplesTest, WarmUpRunsTheModel) {
  internal::BundleSignature signature;
  signature.warm_up = {"w", "w3"};
  Write({{"w", EncodeNpz({{"x", Ones(1, kWeights)}}).value()}, {"w3", EncodeNpz({{"x", Ones(3, kWeights)}}).value()}},
        signature);
  const auto warm = ReferenceEngine()->Load(path_ + ":net");
  ASSERT_TRUE(warm.ok()) << warm.status();
  EXPECT_EQ((*warm)->stats().plans, 2);
  EXPECT_EQ((*warm)->stats().succeeded, 2);
  EXPECT_EQ((*ReferenceEngine()->Load(path_ + ":net", {.warm_up = false}))->stats().plans, 0);
  Write({{"w", EncodeNpz({{"x", Tensor::Scalar<float>(1)}}).value()}}, signature);
  EXPECT_THAT(Message(ReferenceEngine()->Load(path_ + ":net").status()),
              AllOf(HasSubstr("E_SHAPE"), HasSubstr("example \"w\"")));
}

TEST_F(BundleExamplesTest, BatchLimits) {
  internal::BundleSignature signature;
  signature.max_batch = 2;
  Write({}, signature);
  const auto engine = ReferenceEngine();
  const auto model = engine->Load(path_ + ":net");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE((*model)->Run({{"x", Ones(2, kWeights)}}).ok());
  EXPECT_THAT(Message((*model)->Run({{"x", Ones(3, kWeights)}}).status()),
              AllOf(HasSubstr("E_LIMIT"), HasSubstr("has 3 rows, at most 2")));
  EXPECT_THAT(Message((*model)->Prepare({{"x", Shape({3, kWeights})}})), HasSubstr("E_LIMIT"));
  EXPECT_EQ((*model)->stats().refused, 1);
  EXPECT_TRUE((*engine->Load(path_ + ":net", {.max_batch = 5}))->Run({{"x", Ones(5, kWeights)}}).ok());
  EXPECT_TRUE((*engine->Load(path_ + ":net:negative"))->Run({{"x", Ones(5, kWeights)}}).ok());
  EXPECT_THAT(Message(engine->Load(path_ + ":net", {.max_batch = -1}).status()), HasSubstr("E_OPTION"));
}

}  // namespace
}  // namespace moulin
