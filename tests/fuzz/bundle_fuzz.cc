// Bundles. The first byte chooses what the rest is: the file; a manifest, with its hash made right; or the graph of a
// model in a good bundle.
#include "absl/strings/escaping.h"
#include "formats/bundle.h"
#include "formats/proto_io.h"
#include "formats/sha256.h"
#include "nlohmann/json.hpp"
#include "seed_graph.h"

namespace moulin::fuzz {
namespace {

const std::string kConstant(64, 'c');

std::string Padded(std::string bytes) {
  bytes.resize((bytes.size() + 63) / 64 * 64, '\0');
  return bytes;
}

std::string RawBundle(const std::string& manifest, const std::string& data) {
  std::string bytes = "MOULINB\n";
  const auto put = [&bytes](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  put(1, 4);
  put(0, 4);
  put(64, 8);
  put(manifest.size(), 8);
  return Padded(bytes + Sha256(manifest) + manifest) + data;
}

nlohmann::json Row(int64_t offset, const std::string& content) {
  return {{"offset", offset}, {"bytes", content.size()}, {"sha256", absl::BytesToHexString(Sha256(content))}};
}

// A manifest and data: blob 0 is the graph, blob 1 a constant of 64 bytes.
std::string ManifestOf(const std::string& graph) {
  const std::string padded = Padded(graph);
  const nlohmann::json manifest = {
      {"data_bytes", padded.size() + kConstant.size()},
      {"blobs", {Row(0, graph), Row(static_cast<int64_t>(padded.size()), kConstant)}},
      {"models",
       {{{"name", "m"}, {"graph", 0}, {"constants", {1}}, {"metadata", {{"inputs", nlohmann::json::array()}}}}}}};
  return manifest.dump();
}

std::string SmallGraph() {
  tf::GraphDef graph = GraphOfText(kSeedGraph);
  tf::NodeDef* node = graph.add_node();
  node->set_name("apart");
  node->set_op("Const");
  (*node->mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
  tf::TensorProto* value = (*node->mutable_attr())["value"].mutable_tensor();
  value->set_dtype(tf::DT_FLOAT);
  value->mutable_tensor_shape()->add_dim()->set_size(16);
  (*node->mutable_attr())["_moulin_blob"].set_s(Sha256(kConstant));
  return *SerializeProto(graph, ProtoForm::kBinary);
}

std::string BundleOf(absl::string_view input) {
  const std::string rest(input.substr(input.empty() ? 0 : 1));
  if (input.empty() || input[0] % 3 == 0) return rest;
  if (input[0] % 3 == 1) return RawBundle(rest, Padded(SmallGraph()) + kConstant);
  return RawBundle(ManifestOf(rest), Padded(rest) + kConstant);
}

}  // namespace

std::vector<std::string> Seeds() {
  const std::string graph = SmallGraph();
  return {std::string(1, '\0') + RawBundle(ManifestOf(graph), Padded(graph) + kConstant), '\1' + ManifestOf(graph),
          '\2' + graph};
}

}  // namespace moulin::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  static const fuzz::ScratchFolder folder;
  const auto bundle = BundleReader::Open(folder.Write("b.moulin", fuzz::BundleOf(fuzz::AsText(data, size))));
  fuzz::RequireAnswer(bundle.status());
  if (!bundle.ok()) return 0;
  for (const std::string& name : (*bundle)->names()) {
    const auto model = (*bundle)->Load(name);
    fuzz::RequireAnswer(model.status());
    if (!model.ok()) continue;
    for (const tf::NodeDef& node : model->graph().node()) {
      if (BundleModel::IsExternal(node)) fuzz::Require(model->Constant(node).ok(), "what is loaded cannot fail");
    }
  }
  return 0;
}
