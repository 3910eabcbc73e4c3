#include "formats/v1_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/proto_io.h"
#include "formats/sorted_table.h"
#include "formats/tensor_proto.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;

constexpr int kV1Version = 1;       // the version of the format that is understood here
constexpr int64_t kTailBytes = 48;  // a table's footer
constexpr int64_t kNoValues = -1;   // a slice whose values have not come yet
constexpr int kMaxFiles = 100'000;  // five digits

// The number of files of a checkpoint in several, which the name of the first tells; 0 where there is none.
int NumFiles(const std::string& prefix) {
  const fs::path path(prefix);
  const std::string first = absl::StrCat(path.filename().string(), "-00000-of-");
  std::error_code error;
  for (fs::directory_iterator it(path.has_parent_path() ? path.parent_path() : fs::path("."), error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int files = 0;
    if (absl::StartsWith(name, first) && absl::SimpleAtoi(name.substr(first.size()), &files) && files > 0 &&
        files < kMaxFiles && IsTableFile(it->path().string())) {
      return files;
    }
  }
  return 0;
}

int64_t NumValues(const tf::TensorProto& p) {
  return int64_t{p.float_val_size()} + p.double_val_size() + p.int_val_size() + p.string_val_size() +
         p.scomplex_val_size() / 2 + p.int64_val_size() + p.bool_val_size() + p.dcomplex_val_size() / 2 +
         p.half_val_size() + p.uint32_val_size() + p.uint64_val_size();
}

Status CheckVersion(const tf::VersionDef& versions) {
  if (versions.min_consumer() <= kV1Version) return absl::OkStatus();
  return MakeError(ErrorCode::kUnsupported, "a checkpoint for readers of version ", versions.min_consumer(),
                   " or later, this one is of version ", kV1Version);
}

}  // namespace

bool IsTableFile(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  const StatusOr<OpenFile> file = OpenFile::ForReading(path);
  if (!file.ok() || file->size() < kTailBytes) return false;
  std::string tail(kTailBytes, '\0');
  return file->ReadAt(file->size() - kTailBytes, kTailBytes, tail.data()).ok() && LooksLikeSortedTable(tail);
}

std::vector<std::string> V1Checkpoint::FindFiles(const std::string& prefix) {
  if (absl::EndsWith(prefix, ".index")) return {};
  if (IsTableFile(prefix)) return {prefix};
  const int files = NumFiles(prefix);
  std::vector<std::string> paths;
  for (int i = 0; i < files; ++i) paths.push_back(absl::StrFormat("%s-%05d-of-%05d", prefix, i, files));
  return paths;
}

StatusOr<V1Checkpoint> V1Checkpoint::Open(const std::string& prefix, const std::vector<std::string>& files,
                                          const Limits& limits) {
  V1Checkpoint checkpoint(prefix, limits);
  for (const std::string& path : files) {
    const Status read = checkpoint.ReadTable(path);
    if (!read.ok()) return AtFile(read, path);
  }
  std::sort(checkpoint.names_.begin(), checkpoint.names_.end());
  return checkpoint;
}

// Under the empty key, which comes first, is what the file holds; then come the values, slice by slice.
Status V1Checkpoint::ReadTable(const std::string& path) {
  MOULIN_ASSIGN_OR_RETURN(const std::string table, ReadFile(path, limits_.graph_bytes));
  EntriesOfFile of_file;
  bool has_header = false;
  return ReadSortedTable(table, limits_, [&](absl::string_view key, absl::string_view value) -> Status {
    tf::SavedTensorSlices slices;
    MOULIN_RETURN_IF_ERROR(ParseProto(value, ProtoForm::kBinary, limits_, UnknownTextFields::kSkip, &slices));
    if (has_header) {
      return AtTensor(AddValues(key, slices.mutable_data()->mutable_data(), of_file), slices.data().name());
    }
    if (!key.empty()) return MakeError(ErrorCode::kParse, "a table without a header");
    has_header = true;
    MOULIN_RETURN_IF_ERROR(CheckVersion(slices.meta().versions()));
    for (const tf::SavedSliceMeta& meta : slices.meta().tensor()) {
      MOULIN_RETURN_IF_ERROR(AtTensor(AddTensor(meta, &of_file), meta.name()));
    }
    return absl::OkStatus();
  });
}

Status V1Checkpoint::AddTensor(const tf::SavedSliceMeta& meta, EntriesOfFile* of_file) {
  if (meta.name().empty() || meta.name().front() == '\0') return MakeError(ErrorCode::kName, "a tensor without a name");
  MOULIN_ASSIGN_OR_RETURN(const PartialShape shape, ShapeFromProto(meta.shape()));
  if (!shape.IsFullyKnown()) return MakeError(ErrorCode::kShape, "a shape that is not known entirely");
  const auto [it, is_new] = entries_.try_emplace(meta.name());
  StoredTensor& whole = it->second;
  if (is_new) {
    names_.push_back(meta.name());
    whole.type = meta.type();
    whole.shape = shape.ToShape();
    whole.offset = kNoValues;
  } else if (whole.slices.empty()) {
    return MakeError(ErrorCode::kDuplicate, "listed twice");
  } else if (whole.type != meta.type() || !(whole.shape == shape.ToShape())) {
    return MakeError(ErrorCode::kShape, "of another type or shape in another file");
  }
  for (const tf::TensorSliceProto& slice : meta.slice()) {
    MOULIN_RETURN_IF_ERROR(AddSlice(meta.name(), SliceFromProto(slice), &whole, of_file));
  }
  return absl::OkStatus();
}

// A slice that is all of its tensor is the tensor's own entry.
Status V1Checkpoint::AddSlice(const std::string& name, const TensorSlice& slice, StoredTensor* whole,
                              EntriesOfFile* of_file) {
  MOULIN_ASSIGN_OR_RETURN(const TensorSlice resolved, Resolve(slice, whole->shape));
  const std::string key = EncodeSliceKey(name, slice);
  StoredTensor* entry = whole;
  if (!(ShapeOf(resolved) == whole->shape)) {
    StoredTensor part;
    part.type = whole->type;
    part.shape = ShapeOf(resolved);
    part.offset = kNoValues;
    const auto [it, is_new] = entries_.try_emplace(key, std::move(part));
    if (!is_new) return MakeError(ErrorCode::kDuplicate, "the slice ", ToString(slice), " is listed twice");
    whole->slices.push_back(slice);
    entry = &it->second;
  }
  if (!of_file->emplace(key, entry).second) {
    return MakeError(ErrorCode::kDuplicate, "the slice ", ToString(slice), " is listed twice");
  }
  return absl::OkStatus();
}

Status V1Checkpoint::AddValues(absl::string_view key, tf::TensorProto* values, const EntriesOfFile& of_file) {
  const auto it = of_file.find(key);
  if (it == of_file.end()) return MakeError(ErrorCode::kParse, "values of a slice that the header does not list");
  StoredTensor& entry = *it->second;
  if (NumValues(*values) != entry.shape.num_elements()) {
    return MakeError(ErrorCode::kTensor, NumValues(*values), " values for ", entry.shape.ToString());
  }
  values->set_dtype(entry.type);
  ShapeToProto(PartialShape(entry.shape), values->mutable_tensor_shape());
  entry.offset = static_cast<int64_t>(values_.size());
  values_.push_back(std::move(*values));
  return absl::OkStatus();
}

StatusOr<Tensor> V1Checkpoint::ReadEntry(const StoredTensor& stored) {
  if (stored.offset == kNoValues) return MakeError(ErrorCode::kParse, "listed, but without values");
  return TensorFromProto(values_[stored.offset], limits_);
}

}  // namespace moulin
