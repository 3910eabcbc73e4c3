#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/bundle.h"
#include "formats/bundle_format.h"
#include "formats/file.h"
#include "formats/proto_io.h"
#include "formats/tensor_proto.h"
#include "formats/utf8.h"
#include "nlohmann/json.hpp"

namespace moulin {
namespace {

using nlohmann::json;

// Smaller constants stay in the graph: a reference and its row in the manifest take about 150 bytes.
constexpr size_t kMinBlobBytes = 1024;
// Values in lists become a blob unless that would make much more of them.
constexpr size_t kMaxGrowth = 8;

struct Blob {
  std::string bytes;
  std::string sha256;
};

struct Model {
  std::string name;
  size_t graph;
  std::vector<size_t> constants;
  json metadata;
  std::map<std::string, size_t> files;
};

bool MayBeBlob(const tf::TensorProto& proto) {
  const StatusOr<DType> type = DTypeFromProto(proto.dtype());
  return type.ok() && SizeOf(*type) > 0 && *type != DType::kBool;
}

// The elements of a constant large enough to lie apart, taken out of `proto`; empty where they stay.
std::string TakeElements(tf::TensorProto* proto) {
  if (!MayBeBlob(*proto)) return "";
  if (proto->tensor_content().size() >= kMinBlobBytes) return std::move(*proto->mutable_tensor_content());
  const size_t proto_bytes = proto->ByteSizeLong();
  if (!proto->tensor_content().empty() || proto_bytes < kMinBlobBytes) return "";
  Limits limits;
  limits.constant_bytes = static_cast<int64_t>(proto_bytes * kMaxGrowth);
  const StatusOr<Tensor> tensor = TensorFromProto(std::as_const(*proto), limits);
  if (!tensor.ok() || tensor->byte_size() < static_cast<int64_t>(kMinBlobBytes)) return "";
  return std::string(static_cast<const char*>(tensor->data()), tensor->byte_size());
}

}  // namespace

Status CheckModelName(absl::string_view name) {
  const auto bad = [](char c) { return c == '/' || c == ':' || absl::ascii_iscntrl(c); };
  if (!name.empty() && std::none_of(name.begin(), name.end(), bad) && ValidUtf8Prefix(name) == name.size()) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kName, "\"", Printable(name),
                   "\" is no name for a model: it must be UTF-8, not empty, without '/', ':' and control characters");
}

struct BundleWriter::State {
  std::vector<Blob> blobs;
  absl::flat_hash_map<std::string, size_t> blob_by_hash;
  std::vector<Model> models;

  // The index of the blob with these bytes, new or known.
  size_t AddBlob(std::string bytes) {
    std::string hash = Sha256(bytes);
    const auto [found, is_new] = blob_by_hash.emplace(hash, blobs.size());
    if (is_new) blobs.push_back({std::move(bytes), std::move(hash)});
    return found->second;
  }

  Status MoveConstant(tf::NodeDef* node, std::vector<size_t>* constants) {
    if (BundleModel::IsExternal(*node)) {
      return AtNode(MakeError(ErrorCode::kTensor, "the elements of this constant lie in another bundle"), node->name(),
                    node->op());
    }
    const auto value = node->mutable_attr()->find("value");
    if (node->op() != "Const" || value == node->mutable_attr()->end() || !value->second.has_tensor()) {
      return absl::OkStatus();
    }
    tf::TensorProto* proto = value->second.mutable_tensor();
    std::string elements = TakeElements(proto);
    if (elements.empty()) return absl::OkStatus();
    tf::TensorProto reduced;
    reduced.set_dtype(proto->dtype());
    *reduced.mutable_tensor_shape() = proto->tensor_shape();
    *proto = std::move(reduced);
    const size_t blob = AddBlob(std::move(elements));
    (*node->mutable_attr())[kBlobAttribute].set_s(blobs[blob].sha256);
    constants->push_back(blob);
    return absl::OkStatus();
  }

  json Manifest() const;
};

json BundleWriter::State::Manifest() const {
  json blob_rows = json::array();
  int64_t at = 0;
  int64_t end = 0;
  for (const Blob& blob : blobs) {
    blob_rows.push_back(
        {{"offset", at}, {"bytes", blob.bytes.size()}, {"sha256", absl::BytesToHexString(blob.sha256)}});
    end = at + static_cast<int64_t>(blob.bytes.size());
    at = AlignedToBlob(end);
  }
  json model_rows = json::array();
  for (const Model& model : models) {
    model_rows.push_back(
        {{"name", model.name}, {"graph", model.graph}, {"constants", model.constants}, {"metadata", model.metadata}});
    if (!model.files.empty()) model_rows.back()["files"] = model.files;
  }
  return {{"data_bytes", end}, {"blobs", std::move(blob_rows)}, {"models", std::move(model_rows)}};
}

BundleWriter::BundleWriter() : state_(std::make_unique<State>()) {}
BundleWriter::~BundleWriter() = default;

Status BundleWriter::AddModel(const std::string& name, tf::GraphDef graph, const json& metadata,
                              const std::map<std::string, std::string>& files) {
  MOULIN_RETURN_IF_ERROR(CheckModelName(name));
  if (!metadata.is_object()) return MakeError(ErrorCode::kOption, "a model's metadata must be a JSON object");
  for (const Model& model : state_->models) {
    if (model.name == name) return MakeError(ErrorCode::kDuplicate, "two models \"", name, "\"");
  }
  Model model{name, 0, {}, metadata, {}};
  for (tf::NodeDef& node : *graph.mutable_node()) {
    MOULIN_RETURN_IF_ERROR(state_->MoveConstant(&node, &model.constants));
  }
  for (tf::FunctionDef& function : *graph.mutable_library()->mutable_function()) {
    for (tf::NodeDef& node : *function.mutable_node_def()) {
      MOULIN_RETURN_IF_ERROR(state_->MoveConstant(&node, &model.constants));
    }
  }
  std::sort(model.constants.begin(), model.constants.end());
  model.constants.erase(std::unique(model.constants.begin(), model.constants.end()), model.constants.end());
  MOULIN_ASSIGN_OR_RETURN(std::string bytes, SerializeProto(graph, ProtoForm::kBinary));
  model.graph = state_->AddBlob(std::move(bytes));
  for (const auto& [file, content] : files) model.files[file] = state_->AddBlob(content);
  state_->models.push_back(std::move(model));
  return absl::OkStatus();
}

Status BundleWriter::Write(const std::string& path) const {
  const std::string manifest =
      state_->Manifest().dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  BundleHeader header{};
  std::copy(kBundleMagic.begin(), kBundleMagic.end(), header.magic);
  header.major = kBundleMajor;
  header.minor = kBundleMinor;
  header.manifest_offset = sizeof(BundleHeader);
  header.manifest_bytes = manifest.size();
  const std::string hash = Sha256(manifest);
  std::copy(hash.begin(), hash.end(), header.manifest_sha256);
  return WriteFile(path, [&](const Sink& sink) -> Status {
    MOULIN_RETURN_IF_ERROR(sink(absl::string_view(reinterpret_cast<const char*>(&header), sizeof header)));
    int64_t padding_to = static_cast<int64_t>(sizeof header + manifest.size());
    MOULIN_RETURN_IF_ERROR(sink(manifest));
    for (const Blob& blob : state_->blobs) {
      MOULIN_RETURN_IF_ERROR(sink(std::string(AlignedToBlob(padding_to) - padding_to, '\0')));
      MOULIN_RETURN_IF_ERROR(sink(blob.bytes));
      padding_to = static_cast<int64_t>(blob.bytes.size());
    }
    return absl::OkStatus();
  });
}

}  // namespace moulin
