#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/bundle.h"
#include "formats/bundle_format.h"
#include "formats/file.h"
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "formats/tensor_proto.h"
#include "nlohmann/json.hpp"

namespace moulin {
namespace {

using nlohmann::json;

struct BlobRow {
  int64_t offset = 0;  // in the file
  int64_t bytes = 0;
  std::string sha256;
};

struct ModelRow {
  std::string name;
  size_t graph = 0;
  std::vector<size_t> constants;
  std::shared_ptr<const json> metadata;
  std::map<std::string, size_t> files;
};

struct Contents {
  std::vector<BlobRow> blobs;
  std::vector<ModelRow> models;
};

// Takes the manifest apart. Nothing in it is taken to be of the right kind, for the accessors of json throw otherwise.
class ManifestParser {
 public:
  // `data_start` is where the data begins in a file of `file_bytes`.
  ManifestParser(int64_t data_start, int64_t file_bytes, const Limits& limits)
      : data_start_(data_start), file_bytes_(file_bytes), limits_(limits) {}

  StatusOr<Contents> Parse(const std::string& text) {
    MOULIN_RETURN_IF_ERROR(CheckTextNesting(text, kManifestDepth));
    const json root = json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
    if (!root.is_object()) return MakeError(ErrorCode::kParse, "the manifest is no JSON object");
    MOULIN_RETURN_IF_ERROR(CheckDataBytes(root));
    MOULIN_ASSIGN_OR_RETURN(const json* blobs, GetArray(root, "blobs"));
    for (const json& row : *blobs) MOULIN_RETURN_IF_ERROR(AddBlob(row));
    MOULIN_ASSIGN_OR_RETURN(const json* models, GetArray(root, "models"));
    for (const json& row : *models) MOULIN_RETURN_IF_ERROR(AddModel(row));
    return std::move(contents_);
  }

 private:
  static Status Malformed(absl::string_view what) { return MakeError(ErrorCode::kParse, "the manifest ", what); }

  static StatusOr<const json*> Get(const json& object, const char* key) {
    if (object.is_object()) {
      const auto found = object.find(key);
      if (found != object.end()) return &*found;
    }
    return Malformed(absl::StrCat("lacks \"", key, "\""));
  }

  StatusOr<const json*> GetArray(const json& object, const char* key) const {
    MOULIN_ASSIGN_OR_RETURN(const json* array, Get(object, key));
    if (!array->is_array()) return Malformed(absl::StrCat("has no list for \"", key, "\""));
    if (static_cast<int64_t>(array->size()) <= limits_.bundle_entries) return array;
    return MakeError(ErrorCode::kLimit, array->size(), " ", key, ", the limit is ", limits_.bundle_entries);
  }

  static StatusOr<int64_t> ToInteger(const json& value) {
    if (value.is_number_unsigned() && value.get<uint64_t>() <= INT64_MAX) return value.get<int64_t>();
    return Malformed("has something else where a number of 0 or more is expected");
  }

  static StatusOr<int64_t> GetInteger(const json& object, const char* key) {
    MOULIN_ASSIGN_OR_RETURN(const json* value, Get(object, key));
    return ToInteger(*value);
  }

  static StatusOr<std::string> GetString(const json& object, const char* key) {
    MOULIN_ASSIGN_OR_RETURN(const json* value, Get(object, key));
    if (value->is_string()) return value->get<std::string>();
    return Malformed(absl::StrCat("has no string for \"", key, "\""));
  }

  Status CheckDataBytes(const json& root) {
    MOULIN_ASSIGN_OR_RETURN(data_bytes_, GetInteger(root, "data_bytes"));
    const int64_t found = file_bytes_ - data_start_;
    if (data_bytes_ == std::max<int64_t>(found, 0)) return absl::OkStatus();
    return MakeError(ErrorCode::kData, "the file has ", found, " bytes of data, ", data_bytes_,
                     " are expected; cut short?");
  }

  Status AddBlob(const json& row) {
    BlobRow blob;
    MOULIN_ASSIGN_OR_RETURN(blob.offset, GetInteger(row, "offset"));
    MOULIN_ASSIGN_OR_RETURN(blob.bytes, GetInteger(row, "bytes"));
    MOULIN_ASSIGN_OR_RETURN(const std::string hex, GetString(row, "sha256"));
    const auto at_blob = [&](const char* what) {
      return Malformed(absl::StrCat("places blob ", contents_.blobs.size(), " (", blob.bytes, " bytes at ", blob.offset,
                                    ") ", what));
    };
    if (blob.offset % kBundleAlignment != 0) return at_blob("off the 64-byte grid");
    if (blob.offset > data_bytes_ || blob.bytes > data_bytes_ - blob.offset) return at_blob("beyond the end");
    if (blob.offset < taken_) return at_blob("over the one before");
    taken_ = blob.offset + blob.bytes;
    if (!std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit) || hex.size() != 2 * kSha256Bytes) {
      return Malformed("has a hash that is not 64 hexadecimal digits");
    }
    blob.sha256 = absl::HexStringToBytes(hex);
    blob.offset += data_start_;
    contents_.blobs.push_back(std::move(blob));
    return absl::OkStatus();
  }

  StatusOr<size_t> ToBlobIndex(const json& value) const {
    MOULIN_ASSIGN_OR_RETURN(const int64_t index, ToInteger(value));
    if (index < static_cast<int64_t>(contents_.blobs.size())) return static_cast<size_t>(index);
    return Malformed(absl::StrCat("refers to blob ", index, " of ", contents_.blobs.size()));
  }

  Status AddFiles(const json& row, std::map<std::string, size_t>* files) const {
    if (!row.contains("files")) return absl::OkStatus();
    if (!row["files"].is_object()) return Malformed("has no object for \"files\"");
    if (static_cast<int64_t>(row["files"].size()) > limits_.bundle_entries) {
      return MakeError(ErrorCode::kLimit, row["files"].size(), " files, the limit is ", limits_.bundle_entries);
    }
    for (const auto& [name, blob] : row["files"].items()) {
      MOULIN_ASSIGN_OR_RETURN((*files)[name], ToBlobIndex(blob));
    }
    return absl::OkStatus();
  }

  Status AddModel(const json& row) {
    ModelRow model;
    MOULIN_ASSIGN_OR_RETURN(model.name, GetString(row, "name"));
    MOULIN_RETURN_IF_ERROR(CheckModelName(model.name));
    if (!names_.insert(model.name).second) {
      return MakeError(ErrorCode::kDuplicate, "two models \"", model.name, "\"");
    }
    MOULIN_ASSIGN_OR_RETURN(const json* graph, Get(row, "graph"));
    MOULIN_ASSIGN_OR_RETURN(model.graph, ToBlobIndex(*graph));
    MOULIN_ASSIGN_OR_RETURN(const json* constants, GetArray(row, "constants"));
    for (const json& constant : *constants) {
      MOULIN_ASSIGN_OR_RETURN(const size_t index, ToBlobIndex(constant));
      model.constants.push_back(index);
    }
    MOULIN_ASSIGN_OR_RETURN(const json* metadata, Get(row, "metadata"));
    if (!metadata->is_object()) return Malformed("has no object for \"metadata\"");
    model.metadata = std::make_shared<const json>(*metadata);
    MOULIN_RETURN_IF_ERROR(AddFiles(row, &model.files));
    contents_.models.push_back(std::move(model));
    return absl::OkStatus();
  }

  const int64_t data_start_;
  const int64_t file_bytes_;
  const Limits& limits_;
  int64_t data_bytes_ = 0;
  int64_t taken_ = 0;  // end of the blob before
  absl::flat_hash_set<std::string> names_;
  Contents contents_;
};

Status CheckHeader(const BundleHeader& header) {
  if (header.major != kBundleMajor) {
    return MakeError(ErrorCode::kUnsupported, "bundle version ", header.major, ".", header.minor, ", version ",
                     kBundleMajor, " is known");
  }
  if (header.manifest_offset != sizeof(BundleHeader)) {
    return MakeError(ErrorCode::kParse, "the manifest starts at ", header.manifest_offset, ", ", sizeof(BundleHeader),
                     " is expected");
  }
  return absl::OkStatus();
}

StatusOr<Contents> ReadContents(const OpenFile& file, const Limits& limits) {
  if (file.size() == 0) return MakeError(ErrorCode::kEmpty, "nothing in it, a Moulin bundle is expected");
  BundleHeader header{};
  MOULIN_RETURN_IF_ERROR(
      file.ReadAt(0, std::min<int64_t>(file.size(), sizeof header), reinterpret_cast<char*>(&header)));
  const int64_t after_header = file.size() - static_cast<int64_t>(sizeof header);
  const absl::string_view start(header.magic, std::min<int64_t>(file.size(), sizeof header.magic));
  if (!absl::StartsWith(kBundleMagic, start)) return MakeError(ErrorCode::kWrongType, "is not a Moulin bundle");
  if (after_header < 0) return MakeError(ErrorCode::kData, "the file of ", file.size(), " bytes ends in its header");
  MOULIN_RETURN_IF_ERROR(CheckHeader(header));
  if (header.manifest_bytes > static_cast<uint64_t>(after_header)) {
    return MakeError(ErrorCode::kData, "the file of ", file.size(), " bytes ends in its manifest");
  }
  if (header.manifest_bytes > static_cast<uint64_t>(limits.graph_bytes)) {
    return MakeError(ErrorCode::kLimit, "a manifest of ", header.manifest_bytes, " bytes, the limit is ",
                     limits.graph_bytes);
  }
  std::string manifest(header.manifest_bytes, '\0');
  MOULIN_RETURN_IF_ERROR(file.ReadAt(sizeof header, static_cast<int64_t>(manifest.size()), manifest.data()));
  if (Sha256(manifest) != absl::string_view(header.manifest_sha256, kSha256Bytes)) {
    return MakeError(ErrorCode::kData, "the manifest's SHA-256 differs from the one in the header");
  }
  const int64_t manifest_end = static_cast<int64_t>(sizeof header + manifest.size());
  const int64_t data_start = std::min(AlignedToBlob(manifest_end), std::max(file.size(), manifest_end));
  return ManifestParser(data_start, file.size(), limits).Parse(manifest);
}

}  // namespace

bool BundleModel::IsExternal(const tf::NodeDef& node) {
  const auto blob = node.attr().find(kBlobAttribute);
  return blob != node.attr().end() && blob->second.value_case() == tf::AttrValue::kS && node.op() == "Const";
}

StatusOr<Tensor> BundleModel::Constant(const tf::NodeDef& node) const {
  const auto fail = [&](const Status& status) { return AtNode(status, node.name(), node.op()); };
  const auto value = node.attr().find("value");
  if (!IsExternal(node) || value == node.attr().end() || !value->second.has_tensor()) {
    return fail(MakeError(ErrorCode::kData, "the node is no constant kept apart from its graph"));
  }
  const std::string& hash = node.attr().at(kBlobAttribute).s();
  const auto blob = std::lower_bound(blobs_.begin(), blobs_.end(), hash,
                                     [](const Blob& b, const std::string& h) { return b.sha256 < h; });
  if (blob == blobs_.end() || blob->sha256 != hash) {
    return fail(MakeError(ErrorCode::kData, "the constant refers to a blob that its model does not list"));
  }
  const StatusOr<StoredTensorType> type = TensorTypeFromProto(value->second.tensor());
  if (!type.ok()) return fail(type.status());
  const int64_t expected = type->shape.num_elements() * static_cast<int64_t>(SizeOf(type->dtype));
  if (type->dtype == DType::kString || type->dtype == DType::kBool) {
    return fail(MakeError(ErrorCode::kDType, "a constant of type ", Name(type->dtype), " apart from its graph"));
  }
  if (expected != blob->bytes) {
    return fail(MakeError(ErrorCode::kTensor, "the blob has ", blob->bytes, " bytes, ", ShortName(type->dtype),
                          type->shape.ToString(), " takes ", expected));
  }
  return Tensor::Borrow(type->dtype, type->shape, blob->block, blob->block.get());
}

namespace {

// Whether every constant that lies apart can be had, so that nothing is found missing after the model is loaded.
Status CheckConstants(const BundleModel& model) {
  for (const tf::NodeDef& node : model.graph().node()) {
    if (BundleModel::IsExternal(node)) MOULIN_RETURN_IF_ERROR(model.Constant(node).status());
  }
  for (const tf::FunctionDef& function : model.graph().library().function()) {
    for (const tf::NodeDef& node : function.node_def()) {
      if (BundleModel::IsExternal(node)) MOULIN_RETURN_IF_ERROR(model.Constant(node).status());
    }
  }
  return absl::OkStatus();
}

}  // namespace

struct BundleReader::State {
  State(std::string path_in, OpenFile file_in, Contents contents_in, const Limits& limits_in)
      : path(std::move(path_in)), file(std::move(file_in)), contents(std::move(contents_in)), limits(limits_in) {
    for (const ModelRow& model : contents.models) names.push_back(model.name);
    loaded.resize(contents.blobs.size());
  }

  StatusOr<const ModelRow*> FindModel(const std::string& name) const {
    for (const ModelRow& model : contents.models) {
      if (model.name == name) return &model;
    }
    return AtFile(MakeError(ErrorCode::kName, "no model \"", Printable(name),
                            "\"; there are: ", Printable(absl::StrJoin(names, ", "), 2000)),
                  path);
  }

  // Reads a blob into a block of its own and checks its hash.
  StatusOr<std::shared_ptr<const void>> ReadBlob(size_t index) const {
    const BlobRow& row = contents.blobs[index];
    void* memory = std::aligned_alloc(kBundleAlignment, std::max(AlignedToBlob(row.bytes), kBundleAlignment));
    if (memory == nullptr) return MakeError(ErrorCode::kMemory, "cannot allocate ", row.bytes, " bytes");
    std::shared_ptr<const void> block(memory, [memory](const void*) { std::free(memory); });
    MOULIN_RETURN_IF_ERROR(file.ReadAt(row.offset, row.bytes, memory));
    if (Sha256(absl::string_view(static_cast<const char*>(memory), row.bytes)) == row.sha256) return block;
    return MakeError(ErrorCode::kData, "the SHA-256 of blob ", index, " (", row.bytes, " bytes at ", row.offset,
                     ") differs from the manifest's");
  }

  // The blob, shared with whoever holds it.
  StatusOr<std::shared_ptr<const void>> SharedBlob(size_t index) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (std::shared_ptr<const void> block = loaded[index].lock()) return block;
    MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<const void> block, ReadBlob(index));
    loaded[index] = block;
    return block;
  }

  StatusOr<tf::GraphDef> ReadGraph(size_t index) const {
    MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<const void> block, ReadBlob(index));
    const absl::string_view bytes(static_cast<const char*>(block.get()), contents.blobs[index].bytes);
    return ParseGraphDef(bytes, limits);
  }

  const std::string path;
  const OpenFile file;
  const Contents contents;
  const Limits limits;
  std::vector<std::string> names;
  std::mutex mutex;
  std::vector<std::weak_ptr<const void>> loaded;  // guarded by mutex
};

BundleReader::BundleReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
BundleReader::~BundleReader() = default;

StatusOr<std::shared_ptr<BundleReader>> BundleReader::Open(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(OpenFile file, OpenFile::ForReading(path));
  StatusOr<Contents> contents = ReadContents(file, limits);
  if (!contents.ok()) return AtFile(contents.status(), path);
  auto state = std::make_unique<State>(path, std::move(file), *std::move(contents), limits);
  return std::shared_ptr<BundleReader>(new BundleReader(std::move(state)));
}

const std::vector<std::string>& BundleReader::names() const { return state_->names; }

StatusOr<std::shared_ptr<const json>> BundleReader::Metadata(const std::string& name) const {
  MOULIN_ASSIGN_OR_RETURN(const ModelRow* model, state_->FindModel(name));
  return model->metadata;
}

StatusOr<std::string> BundleReader::File(const std::string& model, const std::string& file) const {
  MOULIN_ASSIGN_OR_RETURN(const ModelRow* row, state_->FindModel(model));
  const auto at_file = [&](const Status& status) {
    return AtFile(
        Status(status.code(), absl::StrCat(status.message(), "; \"", Printable(file), "\" of model \"", model, "\"")),
        state_->path);
  };
  const auto found = row->files.find(file);
  if (found == row->files.end()) return at_file(MakeError(ErrorCode::kData, "the bundle lacks a file"));
  const int64_t bytes = state_->contents.blobs[found->second].bytes;
  if (bytes > state_->limits.tensor_bytes) {
    return at_file(
        MakeError(ErrorCode::kLimit, "a file of ", bytes, " bytes, the limit is ", state_->limits.tensor_bytes));
  }
  const StatusOr<std::shared_ptr<const void>> block = state_->ReadBlob(found->second);
  if (!block.ok()) return at_file(block.status());
  return std::string(static_cast<const char*>(block->get()), bytes);
}

StatusOr<BundleModel> BundleReader::Load(const std::string& name) const {
  MOULIN_ASSIGN_OR_RETURN(const ModelRow* row, state_->FindModel(name));
  const auto at_model = [&](const Status& status) {
    return AtFile(Status(status.code(), absl::StrCat(status.message(), "; model \"", name, "\"")), state_->path);
  };
  BundleModel model;
  model.metadata_ = row->metadata;
  for (const size_t index : row->constants) {
    const BlobRow& blob = state_->contents.blobs[index];
    StatusOr<std::shared_ptr<const void>> block = state_->SharedBlob(index);
    if (!block.ok()) return at_model(block.status());
    model.blobs_.push_back({blob.sha256, *std::move(block), blob.bytes});
  }
  std::sort(model.blobs_.begin(), model.blobs_.end(),
            [](const BundleModel::Blob& a, const BundleModel::Blob& b) { return a.sha256 < b.sha256; });
  StatusOr<tf::GraphDef> graph = state_->ReadGraph(row->graph);
  if (!graph.ok()) return at_model(graph.status());
  model.graph_ = *std::move(graph);
  const Status constants = CheckConstants(model);
  if (!constants.ok()) return at_model(constants);
  return model;
}

}  // namespace moulin
