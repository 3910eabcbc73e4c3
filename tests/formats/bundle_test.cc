#include "formats/bundle.h"

#include <cstring>
#include <filesystem>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "formats/proto_io.h"
#include "formats/sha256.h"
#include "formats/tensor_proto.h"
#include "nlohmann/json.hpp"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kElements = 1000;

tf::NodeDef Const(const std::string& name, const Tensor& value) {
  tf::NodeDef node;
  node.set_name(name);
  node.set_op("Const");
  (*node.mutable_attr())["dtype"].set_type(DTypeToProto(value.dtype()));
  TensorToProto(value, (*node.mutable_attr())["value"].mutable_tensor());
  return node;
}

Tensor Weights(float first) {
  std::vector<float> values(kElements);
  for (int i = 0; i < kElements; ++i) values[i] = first + static_cast<float>(i);
  return Tensor::Of<float>({10, 100}, values);
}

tf::GraphDef Graph(std::initializer_list<float> weights) {
  tf::GraphDef graph;
  for (float w : weights) *graph.add_node() = Const(absl::StrCat("w", w), Weights(w));
  *graph.add_node() = Const("small", Tensor::Scalar<float>(7));
  *graph.add_node() = Const("text", Tensor::OfStrings({1}, {std::string(5000, 's')}));
  return graph;
}

std::string Binary(const tf::GraphDef& graph) { return SerializeProto(graph, ProtoForm::kBinary).value(); }

// A bundle of any manifest and data, its header right unless changed afterwards.
std::string RawBundle(const std::string& manifest, const std::string& data) {
  std::string bytes = "MOULINB\n";
  const auto put = [&bytes](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  put(1, 4);
  put(0, 4);
  put(64, 8);
  put(manifest.size(), 8);
  bytes += Sha256(manifest) + manifest;
  bytes.resize((bytes.size() + 63) / 64 * 64, '\0');
  return bytes + data;
}

class BundleTest : public FormatTest {
 protected:
  // Two models that have the weights 1 in common.
  std::string WriteTwo() {
    BundleWriter writer;
    EXPECT_TRUE(writer.AddModel("one", Graph({1, 2}), {{"inputs", {"x"}}}).ok());
    EXPECT_TRUE(writer.AddModel("two", Graph({1}), json::object()).ok());
    EXPECT_TRUE(writer.Write(Path("two.moulin")).ok());
    return Path("two.moulin");
  }

  // The manifest of a bundle with one model whose graph is blob 0 and whose one constant is blob 1.
  json OneModel() {
    tf::GraphDef graph = Graph({});
    return {{"data_bytes", data_.size()},
            {"blobs", json::array({Row(0, data_.size() - 64), Row(static_cast<int64_t>(data_.size()) - 64, 64)})},
            {"models", json::array({{{"name", "m"}, {"graph", 0}, {"constants", {1}}, {"metadata", json::object()}}})}};
  }
  json Row(int64_t offset, int64_t bytes) {
    return {{"offset", offset},
            {"bytes", bytes},
            {"sha256", absl::BytesToHexString(Sha256(absl::string_view(data_).substr(offset, bytes)))}};
  }
  StatusOr<std::shared_ptr<BundleReader>> Open(const json& manifest) { return OpenText(manifest.dump()); }
  StatusOr<std::shared_ptr<BundleReader>> OpenText(const std::string& manifest) {
    return BundleReader::Open(Write("raw.moulin", RawBundle(manifest, data_)));
  }

  void SetUp() override {
    data_ = Binary(Graph({}));
    data_.resize((data_.size() + 63) / 64 * 64);
    // Unknown fields that pad the graph's blob to its size: tag and length, then nothing of meaning.
    const std::string graph = Binary(Graph({}));
    const size_t padding = data_.size() - graph.size();
    if (padding >= 3) {
      data_ = graph + "\xCA\x3E" + static_cast<char>(padding - 3) + std::string(padding - 3, 'p');
    }
    data_ += std::string(64, 'c');
  }

  std::string data_;  // a graph, then a constant of 64 bytes
};

TEST_F(BundleTest, ReadsWhatItWrote) {
  const auto reader = BundleReader::Open(WriteTwo());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_THAT((*reader)->names(), ElementsAre("one", "two"));
  EXPECT_EQ(**(*reader)->Metadata("one"), (json{{"inputs", {"x"}}}));
  const auto model = (*reader)->Load("one");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->metadata(), (json{{"inputs", {"x"}}}));
  ASSERT_EQ(model->graph().node_size(), 4);
  for (int i : {0, 1}) {
    const tf::NodeDef& node = model->graph().node(i);
    ASSERT_TRUE(BundleModel::IsExternal(node));
    EXPECT_TRUE(node.attr().at("value").tensor().tensor_content().empty());
    const auto tensor = model->Constant(node);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->ToString(kElements), Weights(static_cast<float>(i + 1)).ToString(kElements));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->data()) % 64, 0);
  }
  for (int i : {2, 3}) {
    EXPECT_FALSE(BundleModel::IsExternal(model->graph().node(i)));
    EXPECT_THAT(model->Constant(model->graph().node(i)), FailsWith("E_DATA"));
  }
}

TEST_F(BundleTest, FilesGoAlong) {
  BundleWriter writer;
  const std::string content(70000, 'g');
  ASSERT_TRUE(writer.AddModel("one", Graph({1}), json::object(), {{"a", content}, {"b", content}, {"", "x"}}).ok());
  ASSERT_TRUE(writer.AddModel("two", Graph({1}), json::object(), {{"a", ""}}).ok());
  ASSERT_TRUE(writer.Write(Path("files.moulin")).ok());
  EXPECT_LT(std::filesystem::file_size(Path("files.moulin")), 90000) << "equal files are stored once";
  const auto reader = BundleReader::Open(Path("files.moulin"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(*(*reader)->File("one", "b"), content);
  EXPECT_EQ(*(*reader)->File("one", ""), "x");
  EXPECT_EQ(*(*reader)->File("two", "a"), "");
  EXPECT_THAT(Message((*reader)->File("two", "b")), AllOf(HasSubstr("E_DATA"), HasSubstr("\"b\" of model \"two\"")));
  EXPECT_THAT((*reader)->File("three", "a"), FailsWith("E_NAME"));
}

TEST_F(BundleTest, FilesInTheManifest) {
  json manifest = OneModel();
  EXPECT_TRUE(Open(manifest).ok()) << "version 1.0 has none";
  const auto with = [&](json files) {
    manifest["models"][0]["files"] = std::move(files);
    return Open(manifest);
  };
  EXPECT_TRUE(with(json::object()).ok());
  EXPECT_EQ(*with({{"c", 1}}).value()->File("m", "c"), std::string(64, 'c'));
  EXPECT_THAT(with({{"c", 2}}), FailsWith("E_PARSE"));
  EXPECT_THAT(with({{"c", -1}}), FailsWith("E_PARSE"));
  EXPECT_THAT(with({{"c", "1"}}), FailsWith("E_PARSE"));
  EXPECT_THAT(with(json::array({1})), FailsWith("E_PARSE"));
  manifest["blobs"][1]["sha256"] = manifest["blobs"][0]["sha256"];
  EXPECT_THAT(with({{"c", 1}}).value()->File("m", "c"), FailsWith("E_DATA"));
}

TEST_F(BundleTest, CommonConstantsAreStoredAndHeldOnce) {
  const std::string path = WriteTwo();
  const auto size = std::filesystem::file_size(path);
  EXPECT_LT(size, 2 * 4 * kElements + 2 * 5000 + 3000) << "two blobs of weights, not three";
  const auto reader = BundleReader::Open(path);
  ASSERT_TRUE(reader.ok());
  const auto one = (*reader)->Load("one");
  const auto two = (*reader)->Load("two");
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->Constant(one->graph().node(0))->storage_id(), two->Constant(two->graph().node(0))->storage_id());
  EXPECT_NE(one->Constant(one->graph().node(0))->storage_id(), one->Constant(one->graph().node(1))->storage_id());
}

TEST_F(BundleTest, ConstantsOutliveModelAndReader) {
  Tensor tensor;
  {
    const auto reader = BundleReader::Open(WriteTwo());
    const auto model = (*reader)->Load("two");
    tensor = *model->Constant(model->graph().node(0));
  }
  EXPECT_EQ(tensor.ToString(kElements), Weights(1).ToString(kElements));
}

TEST_F(BundleTest, ConstantsOfFunctionsAndInListsGoApartToo) {
  tf::GraphDef graph;
  tf::FunctionDef* function = graph.mutable_library()->add_function();
  *function->add_node_def() = Const("w", Weights(3));
  tf::NodeDef listed = Const("l", Tensor::Scalar<float>(0));
  tf::TensorProto* proto = (*listed.mutable_attr())["value"].mutable_tensor();
  proto->clear_tensor_content();
  proto->mutable_tensor_shape()->add_dim()->set_size(kElements);
  for (int i = 0; i < kElements; ++i) proto->add_float_val(static_cast<float>(3 + i));
  *graph.add_node() = listed;
  BundleWriter writer;
  ASSERT_TRUE(writer.AddModel("m", graph, json::object()).ok());
  ASSERT_TRUE(writer.Write(Path("f.moulin")).ok());
  const auto reader = BundleReader::Open(Path("f.moulin"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto model = (*reader)->Load("m");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto in_function = model->Constant(model->graph().library().function(0).node_def(0));
  const auto in_list = model->Constant(model->graph().node(0));
  ASSERT_TRUE(in_function.ok() && in_list.ok());
  EXPECT_EQ(in_function->storage_id(), in_list->storage_id()) << "the same elements, however they were spelled";
  EXPECT_EQ(in_list->shape(), Shape({kElements}));
}

TEST_F(BundleTest, RepeatedValueStaysInTheGraph) {
  tf::GraphDef graph;
  *graph.add_node() = Const("zeros", Tensor::Scalar<float>(0));
  auto* shape = (*graph.mutable_node(0)->mutable_attr())["value"].mutable_tensor()->mutable_tensor_shape();
  shape->add_dim()->set_size(int64_t{1} << 40);
  (*graph.mutable_node(0)->mutable_attr())["value"].mutable_tensor()->clear_tensor_content();
  BundleWriter writer;
  ASSERT_TRUE(writer.AddModel("m", graph, json::object()).ok());
  ASSERT_TRUE(writer.Write(Path("z.moulin")).ok());
  EXPECT_LT(std::filesystem::file_size(Path("z.moulin")), 1000);
}

TEST_F(BundleTest, SameModelsSameBytes) {
  const std::string first = Read(WriteTwo());
  EXPECT_EQ(Read(WriteTwo()), first);
}

TEST_F(BundleTest, WriterRefuses) {
  BundleWriter writer;
  for (const std::string name : {"", "a/b", "a:b", "a\nb", "\xFF"}) {
    EXPECT_THAT(writer.AddModel(name, Graph({}), json::object()), FailsWith("E_NAME")) << name;
  }
  EXPECT_THAT(writer.AddModel("m", Graph({}), json::array()), FailsWith("E_OPTION"));
  ASSERT_TRUE(writer.AddModel("m", Graph({}), json::object()).ok());
  EXPECT_THAT(writer.AddModel("m", Graph({}), json::object()), FailsWith("E_DUP"));
  EXPECT_THAT(writer.Write(Path("no/folder.moulin")), FailsWith("E_FILE"));
  const auto reader = BundleReader::Open(WriteTwo());
  EXPECT_THAT(writer.AddModel("again", (*reader)->Load("one")->graph(), json::object()), FailsWith("E_TENSOR"));
}

TEST_F(BundleTest, UnknownModel) {
  const auto reader = BundleReader::Open(WriteTwo());
  EXPECT_THAT(Message((*reader)->Load("three")), AllOf(HasSubstr("E_NAME"), HasSubstr("one, two")));
  EXPECT_THAT((*reader)->Metadata("three"), FailsWith("E_NAME"));
}

TEST_F(BundleTest, NoBundle) {
  EXPECT_THAT(BundleReader::Open(Path("absent")), FailsWith("E_FILE"));
  EXPECT_THAT(BundleReader::Open(Write("empty", "")), FailsWith("E_EMPTY"));
  EXPECT_THAT(BundleReader::Open(Write("other", std::string(100, 'x'))), FailsWith("E_WRONG_TYPE"));
  EXPECT_THAT(Message(BundleReader::Open(Write("x.moulin", "junk"))), HasSubstr("x.moulin"));
}

TEST_F(BundleTest, TruncatedAtEvery64thByte) {
  const std::string whole = Read(WriteTwo());
  for (size_t size = 1; size < whole.size(); size += size < 64 ? 1 : 64) {
    EXPECT_THAT(BundleReader::Open(Write("cut.moulin", whole.substr(0, size))), FailsWith("E_DATA")) << size;
  }
  EXPECT_THAT(BundleReader::Open(Write("cut.moulin", whole.substr(0, whole.size() - 1))), FailsWith("E_DATA"));
  EXPECT_THAT(BundleReader::Open(Write("long.moulin", whole + "x")), FailsWith("E_DATA"));
}

// Of the content nothing can change unseen; padding is nobody's.
TEST_F(BundleTest, EveryByteChanged) {
  const std::string whole = Read(WriteTwo());
  int unseen = 0;
  for (size_t at = 0; at < whole.size(); at += at < 64 ? 3 : 31) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    const auto reader = BundleReader::Open(Write("changed.moulin", changed));
    if (!reader.ok()) continue;
    const bool loads = (*reader)->Load("one").ok() && (*reader)->Load("two").ok();
    const bool is_minor_version = at >= 12 && at < 16;
    if (loads && !is_minor_version) {
      ++unseen;
      EXPECT_EQ(whole[at], '\0') << at;
    }
  }
  EXPECT_LT(unseen, 6 * 63 / 31 + 1) << "six gaps of up to 63 bytes, of which every 31st was tried";
}

TEST_F(BundleTest, ChangedAfterOpening) {
  const std::string path = WriteTwo();
  const auto reader = BundleReader::Open(path);
  const auto model = (*reader)->Load("two");
  ASSERT_TRUE(model.ok());
  const Tensor kept = *model->Constant(model->graph().node(0));
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(kept.ToString(kElements), Weights(1).ToString(kElements)) << "what is loaded stays";
  EXPECT_THAT(Message((*reader)->Load("one")), AllOf(HasSubstr("E_DATA"), HasSubstr("two.moulin"), HasSubstr("one")));
}

TEST_F(BundleTest, VersionsAndHeader) {
  const std::string whole = Read(WriteTwo());
  const auto with = [&](size_t at, char value) {
    std::string bytes = whole;
    bytes[at] = value;
    return BundleReader::Open(Write("v.moulin", bytes));
  };
  EXPECT_THAT(with(8, 2), FailsWith("E_UNSUPPORTED"));
  EXPECT_TRUE(with(12, 9).ok()) << "a later minor version";
  EXPECT_THAT(with(16, 65), FailsWith("E_PARSE"));
  EXPECT_THAT(with(30, 127), FailsWith("E_DATA")) << "a manifest of 2^55 bytes";
  EXPECT_THAT(with(31, -1), FailsWith("E_DATA"));
  EXPECT_THAT(with(40, static_cast<char>(whole[40] + 1)), FailsWith("E_DATA")) << "its hash";
}

TEST_F(BundleTest, RawBundleIsGood) {
  const auto reader = Open(OneModel());
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto model = (*reader)->Load("m");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph().node_size(), 2);
}

TEST_F(BundleTest, ManifestThatIsNone) {
  for (const char* text : {"", "nothing", "{", "[]", "{}", "{\"data_bytes\": 1e999}"}) {
    EXPECT_THAT(OpenText(text), FailsWith("E_PARSE")) << text;
  }
  EXPECT_THAT(OpenText(std::string(1'000'000, '[')), FailsWith("E_LIMIT"));
}

TEST_F(BundleTest, ManifestLacksSomething) {
  for (const char* key : {"data_bytes", "blobs", "models"}) {
    json manifest = OneModel();
    manifest.erase(key);
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
    manifest[key] = "text";
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
    manifest[key] = json::array({1});
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
  }
  for (const char* key : {"offset", "bytes", "sha256"}) {
    json manifest = OneModel();
    manifest["blobs"][1].erase(key);
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
    manifest["blobs"][1][key] = -64;
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
    manifest["blobs"][1][key] = 1.5;
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
  }
  for (const char* key : {"name", "graph", "constants", "metadata"}) {
    json manifest = OneModel();
    manifest["models"][0].erase(key);
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
    manifest["models"][0][key] = 2;
    EXPECT_THAT(Open(manifest), FailsWith("E_PARSE")) << key;
  }
  json manifest = OneModel();
  manifest["models"][0]["constants"] = {2};
  EXPECT_THAT(Open(manifest), FailsWith("E_PARSE"));
}

TEST_F(BundleTest, SizesThatAreNotTrue) {
  json manifest = OneModel();
  manifest["data_bytes"] = data_.size() + 1;
  EXPECT_THAT(Open(manifest), FailsWith("E_DATA"));
  manifest["data_bytes"] = data_.size() - 64;
  EXPECT_THAT(Open(manifest), FailsWith("E_DATA"));
  manifest["data_bytes"] = UINT64_MAX;
  EXPECT_THAT(Open(manifest), FailsWith("E_PARSE"));
}

TEST_F(BundleTest, BlobsOutOfPlace) {
  const int64_t second = static_cast<int64_t>(data_.size()) - 64;
  const auto with = [&](json offset, json bytes) {
    json manifest = OneModel();
    manifest["blobs"][1]["offset"] = offset;
    manifest["blobs"][1]["bytes"] = bytes;
    return Open(manifest);
  };
  EXPECT_THAT(Message(with(second + 1, 8)), AllOf(HasSubstr("E_PARSE"), HasSubstr("grid")));
  EXPECT_THAT(Message(with(second, 65)), AllOf(HasSubstr("E_PARSE"), HasSubstr("beyond the end")));
  EXPECT_THAT(Message(with(second + 128, 0)), HasSubstr("beyond the end"));
  EXPECT_THAT(Message(with(INT64_MAX - 63, 64)), HasSubstr("beyond the end"));
  EXPECT_THAT(Message(with(second, INT64_MAX)), HasSubstr("beyond the end"));
  EXPECT_THAT(Message(with(second - 64, 64)), AllOf(HasSubstr("E_PARSE"), HasSubstr("over the one before")));
  EXPECT_THAT(with(second, UINT64_MAX), FailsWith("E_PARSE"));
}

TEST_F(BundleTest, WrongHashes) {
  json manifest = OneModel();
  manifest["blobs"][1]["sha256"] = manifest["blobs"][0]["sha256"];
  const auto reader = Open(manifest);
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT((*reader)->Load("m"), FailsWith("E_DATA"));
  manifest["blobs"][1]["sha256"] = std::string(64, 'g');
  EXPECT_THAT(Open(manifest), FailsWith("E_PARSE"));
  manifest["blobs"][1]["sha256"] = "abcd";
  EXPECT_THAT(Open(manifest), FailsWith("E_PARSE"));
}

TEST_F(BundleTest, NamesInTheManifest) {
  json manifest = OneModel();
  manifest["models"].push_back(manifest["models"][0]);
  EXPECT_THAT(Open(manifest), FailsWith("E_DUP"));
  manifest["models"][1]["name"] = "../m";
  EXPECT_THAT(Open(manifest), FailsWith("E_NAME"));
}

// No name becomes the name of a file, so that case tells models apart.
TEST_F(BundleTest, NamesThatDifferInCaseAreTwo) {
  json manifest = OneModel();
  manifest["models"].push_back(manifest["models"][0]);
  manifest["models"][1]["name"] = "M";
  const auto reader = Open(manifest);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_THAT((*reader)->names(), ElementsAre("m", "M"));
}

TEST_F(BundleTest, EntriesAreBounded) {
  Limits limits;
  limits.bundle_entries = 1;
  EXPECT_THAT(BundleReader::Open(WriteTwo(), limits), FailsWith("E_LIMIT"));
}

// A constant's blob must be one of its model's and must fit.
TEST_F(BundleTest, ReferencesThatDoNotFit) {
  const auto load = [&](const std::string& hash, tf::DataType type, int64_t size) {
    tf::GraphDef graph;
    tf::NodeDef* node = graph.add_node();
    node->set_name("c");
    node->set_op("Const");
    tf::TensorProto* proto = (*node->mutable_attr())["value"].mutable_tensor();
    proto->set_dtype(type);
    proto->mutable_tensor_shape()->add_dim()->set_size(size);
    (*node->mutable_attr())["_moulin_blob"].set_s(hash);
    const std::string bytes = Binary(graph);
    const int64_t second = static_cast<int64_t>(bytes.size() + 63) / 64 * 64;
    data_ = bytes + std::string(second - bytes.size(), '\0') + std::string(64, 'c');
    json manifest = OneModel();
    manifest["blobs"][0] = Row(0, static_cast<int64_t>(bytes.size()));
    const auto reader = Open(manifest);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return (*reader)->Load("m").status();
  };
  const std::string hash = Sha256(std::string(64, 'c'));
  EXPECT_TRUE(load(hash, tf::DT_FLOAT, 16).ok());
  EXPECT_THAT(load(hash, tf::DT_FLOAT, 15), FailsWith("E_TENSOR"));
  EXPECT_THAT(load(hash, tf::DT_FLOAT, int64_t{1} << 62), FailsWith("E_SHAPE"));
  EXPECT_THAT(load(hash, tf::DT_FLOAT, -1), FailsWith("E_SHAPE"));
  EXPECT_THAT(load(hash, tf::DT_BOOL, 64), FailsWith("E_DTYPE"));
  EXPECT_THAT(load(hash, tf::DT_STRING, 1), FailsWith("E_DTYPE"));
  EXPECT_THAT(load(hash, tf::DT_RESOURCE, 1), FailsWith("E_DTYPE"));
  EXPECT_THAT(load(std::string(32, 'x'), tf::DT_FLOAT, 16), FailsWith("E_DATA"));
  EXPECT_THAT(load("", tf::DT_FLOAT, 16), FailsWith("E_DATA"));
}

TEST_F(BundleTest, ModelsLoadFromSeveralThreads) {
  const auto reader = BundleReader::Open(WriteTwo());
  std::vector<std::thread> threads;
  std::vector<const void*> storage(4);
  std::vector<BundleModel> models(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      auto model = (*reader)->Load(i % 2 ? "one" : "two");
      ASSERT_TRUE(model.ok()) << model.status();
      models[i] = *std::move(model);
      storage[i] = models[i].Constant(models[i].graph().node(0))->storage_id();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const void* s : storage) EXPECT_EQ(s, storage[0]);
}

}  // namespace
}  // namespace moulin
