#include "formats/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/proto_io.h"
#include "formats/savedmodel.h"
#include "formats/tensor_bundle.h"
#include "formats/v1_checkpoint.h"
#include "proto/checkpoint_state.pb.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;

constexpr char kStateName[] = "checkpoint";
constexpr char kObjectsKey[] = "_CHECKPOINTABLE_OBJECT_GRAPH";
constexpr char kValueSuffix[] = "/.ATTRIBUTES/VARIABLE_VALUE";
constexpr int64_t kMaxStateBytes = 16 << 20;

bool IsFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// A checkpoint that is there.
struct Found {
  std::string prefix;
  std::vector<std::string> v1_files;  // empty: of the V2 format
};

absl::optional<Found> FindPrefix(const std::string& prefix) {
  if (IsFile(absl::StrCat(prefix, ".index"))) return Found{prefix, {}};
  std::vector<std::string> v1_files = V1Checkpoint::FindFiles(prefix);
  if (v1_files.empty()) return absl::nullopt;
  return Found{prefix, std::move(v1_files)};
}

StatusOr<Found> ExpectPrefix(const std::string& prefix) {
  if (absl::optional<Found> found = FindPrefix(prefix)) return *std::move(found);
  return AtFile(MakeError(ErrorCode::kFile, "no checkpoint of this name: there is no .index file"), prefix);
}

// Where the checkpoint that a state file in `directory` calls `named` lies.
StatusOr<Found> Locate(const std::string& directory, const std::string& named) {
  if (named.find('\0') != std::string::npos) {
    return MakeError(ErrorCode::kName, "model_checkpoint_path has a NUL character");
  }
  fs::path path(named);
  if (path.is_absolute()) path = path.filename();
  for (const fs::path& part : path) {
    if (part == "..") {
      return MakeError(ErrorCode::kName, "model_checkpoint_path \"", Printable(named), "\" leaves the directory");
    }
  }
  if (path.empty()) return MakeError(ErrorCode::kEmpty, "model_checkpoint_path names no checkpoint");
  const std::string prefix = (fs::path(directory) / path).string();
  if (absl::optional<Found> found = FindPrefix(prefix)) return *std::move(found);
  return MakeError(ErrorCode::kFile, "model_checkpoint_path \"", Printable(named), "\": no such checkpoint in ",
                   Printable(directory));
}

StatusOr<Found> FindLatest(const std::string& directory, const Limits& limits) {
  const std::string path = absl::StrCat(absl::StripSuffix(directory, "/"), "/", kStateName);
  MOULIN_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxStateBytes));
  tf::CheckpointState state;
  Status status = ParseProto(text, ProtoForm::kText, limits, UnknownTextFields::kSkip, &state);
  if (!status.ok()) return AtFile(status, path);
  if (state.model_checkpoint_path().empty()) {
    return AtFile(MakeError(ErrorCode::kEmpty, "model_checkpoint_path names no checkpoint"), path);
  }
  StatusOr<Found> found = Locate(directory, state.model_checkpoint_path());
  if (!found.ok()) return AtFile(found.status(), path);
  return found;
}

Status CheckObjects(const tf::TrackableObjectGraph& objects) {
  for (int i = 0; i < objects.nodes_size(); ++i) {
    for (const auto& child : objects.nodes(i).children()) {
      if (child.node_id() >= 0 && child.node_id() < objects.nodes_size()) continue;
      return MakeError(ErrorCode::kParse, "object ", i, " has a child \"", Printable(child.local_name()),
                       "\" with number ", child.node_id(), ", of ", objects.nodes_size(), " objects");
    }
  }
  return absl::OkStatus();
}

StatusOr<Found> Find(const std::string& path, const Limits& limits) {
  if (IsDirectory(path)) return FindLatest(path, limits);
  if (absl::EndsWith(path, ".index") && IsFile(path)) return Found{std::string(absl::StripSuffix(path, ".index")), {}};
  return ExpectPrefix(path);
}

StatusOr<std::unique_ptr<TensorStore>> OpenStore(const Found& found, const Limits& limits) {
  if (found.v1_files.empty()) {
    MOULIN_ASSIGN_OR_RETURN(TensorBundle store, TensorBundle::Open(found.prefix, limits));
    return std::make_unique<TensorBundle>(std::move(store));
  }
  MOULIN_ASSIGN_OR_RETURN(V1Checkpoint store, V1Checkpoint::Open(found.prefix, found.v1_files, limits));
  return std::make_unique<V1Checkpoint>(std::move(store));
}

}  // namespace

bool IsCheckpoint(const std::string& path) {
  if (IsDirectory(path)) return IsFile(absl::StrCat(path, "/", kStateName)) && !IsSavedModelDirectory(path);
  if (absl::EndsWith(path, ".index")) return IsTableFile(path);
  return FindPrefix(path).has_value();
}

StatusOr<std::string> FindCheckpoint(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(Found found, Find(path, limits));
  return std::move(found.prefix);
}

StatusOr<tf::MetaGraphDef> ReadMetaGraph(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.graph_bytes));
  if (bytes.empty()) return AtFile(MakeError(ErrorCode::kEmpty, "nothing in it, a MetaGraphDef is expected"), path);
  tf::MetaGraphDef meta_graph;
  const Status parsed = ParseProto(bytes, DetectProtoForm(bytes), limits, UnknownTextFields::kSkip, &meta_graph);
  if (!parsed.ok()) return AtFile(parsed, path);
  return meta_graph;
}

StatusOr<Checkpoint> Checkpoint::Open(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const Found found, Find(path, limits));
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<TensorStore> store, OpenStore(found, limits));
  return WithObjects(std::move(store), limits);
}

StatusOr<Checkpoint> Checkpoint::OpenPrefix(const std::string& prefix, const Limits& limits) {
  // Where there is none, the error is that of an index that is missing.
  const Found found = FindPrefix(prefix).value_or(Found{prefix, {}});
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<TensorStore> store, OpenStore(found, limits));
  return WithObjects(std::move(store), limits);
}

StatusOr<Checkpoint> Checkpoint::WithObjects(std::unique_ptr<TensorStore> store, const Limits& limits) {
  Checkpoint checkpoint(std::move(store));
  if (!checkpoint.store_->Contains(kObjectsKey)) return checkpoint;
  const Status read = checkpoint.ReadObjects(limits);
  if (!read.ok()) return AtFile(read, checkpoint.prefix());
  return checkpoint;
}

Status Checkpoint::ReadObjects(const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const Tensor tensor, store_->Read(kObjectsKey));
  if (tensor.dtype() != DType::kString || tensor.num_elements() != 1) {
    return MakeError(ErrorCode::kTensor, kObjectsKey, ": expected one string, found ", Name(tensor.dtype()),
                     tensor.shape().ToString());
  }
  MOULIN_RETURN_IF_ERROR(
      ParseProto(tensor.strings()[0], ProtoForm::kBinary, limits, UnknownTextFields::kSkip, &objects_));
  MOULIN_RETURN_IF_ERROR(CheckObjects(objects_));
  for (const auto& object : objects_.nodes()) {
    for (const auto& attribute : object.attributes()) {
      if (attribute.full_name().empty()) continue;
      variable_of_key_[attribute.checkpoint_key()] = attribute.full_name();
      const auto [it, is_new] = key_of_variable_.emplace(attribute.full_name(), attribute.checkpoint_key());
      if (!is_new && it->second != attribute.checkpoint_key()) it->second.clear();
    }
  }
  return absl::OkStatus();
}

std::vector<CheckpointTensor> Checkpoint::tensors() const {
  std::vector<CheckpointTensor> tensors;
  for (const std::string& name : store_->names()) {
    const StoredTensor& stored = *store_->Find(name);
    const auto variable = variable_of_key_.find(name);
    tensors.push_back({name, variable == variable_of_key_.end() ? "" : variable->second, stored.type, stored.shape,
                       static_cast<int>(stored.slices.size())});
  }
  return tensors;
}

std::string Checkpoint::FindKey(const std::string& name) const {
  if (name.empty() || name.front() == '\0') return "";
  if (store_->Contains(name)) return name;
  if (std::string key = absl::StrCat(name, kValueSuffix); store_->Contains(key)) return key;
  const auto it = key_of_variable_.find(name);
  return it != key_of_variable_.end() && store_->Contains(it->second) ? it->second : "";
}

}  // namespace moulin
