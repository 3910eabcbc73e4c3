#include "formats/tensor_bundle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/crc32c.h"
#include "formats/proto_io.h"
#include "formats/sorted_table.h"
#include "formats/tensor_proto.h"
#include "formats/varint.h"

namespace moulin {
namespace {

constexpr int kVersion = 1;  // the version of the format that is understood here

Status CheckHeader(const tf::BundleHeaderProto& header) {
  if (header.num_shards() < 1) {
    return MakeError(ErrorCode::kParse, "the header: ", header.num_shards(), " data files, expected at least one");
  }
  if (header.endianness() != tf::BundleHeaderProto::LITTLE) {
    return MakeError(ErrorCode::kUnsupported, "a checkpoint of a big-endian machine");
  }
  const tf::VersionDef& version = header.version();
  const auto& bad = version.bad_consumers();
  if (version.min_consumer() > kVersion || std::find(bad.begin(), bad.end(), kVersion) != bad.end()) {
    return MakeError(ErrorCode::kUnsupported, "a checkpoint for readers of version ", version.min_consumer(),
                     " or later, this one is of version ", kVersion);
  }
  return absl::OkStatus();
}

StatusOr<StoredTensor> FromProto(const tf::BundleEntryProto& entry, int32_t num_shards) {
  StoredTensor stored;
  stored.type = entry.dtype();
  MOULIN_ASSIGN_OR_RETURN(const PartialShape shape, ShapeFromProto(entry.shape()));
  if (!shape.IsFullyKnown()) return MakeError(ErrorCode::kShape, "a shape that is not known entirely");
  stored.shape = shape.ToShape();
  if (entry.shard_id() < 0 || entry.shard_id() >= num_shards) {
    return MakeError(ErrorCode::kParse, "in data file ", entry.shard_id(), ", of ", num_shards);
  }
  if (entry.offset() < 0 || entry.size() < 0) {
    return MakeError(ErrorCode::kParse, "at offset ", entry.offset(), ", ", entry.size(), " bytes");
  }
  stored.shard = entry.shard_id();
  stored.offset = entry.offset();
  stored.bytes = entry.size();
  stored.checksum = entry.crc32c();
  for (const tf::TensorSliceProto& slice : entry.slices()) stored.slices.push_back(SliceFromProto(slice));
  return stored;
}

Status ChecksumError() { return MakeError(ErrorCode::kData, "fails its checksum"); }

// Of strings, the checksum covers their lengths as 32-bit numbers (64-bit where one needs it), not as they are stored.
uint32_t ExtendByLength(uint32_t crc, uint64_t length) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return ExtendCrc32c(crc, bytes, length <= UINT32_MAX ? 4 : 8);
}

// The lengths as varints, their checksum, then the characters of all.
Status DecodeStrings(absl::string_view bytes, uint32_t checksum, absl::Span<std::string> strings) {
  const auto cut = [] { return MakeError(ErrorCode::kTensor, "strings that do not fit their bytes"); };
  std::vector<uint64_t> lengths(strings.size());
  uint32_t crc = 0;
  uint64_t total = 0;
  for (uint64_t& length : lengths) {
    if (!TakeVarint(&bytes, &length) || length > bytes.size()) return cut();
    total += length;
    crc = ExtendByLength(crc, length);
  }
  if (bytes.size() < 4) return cut();
  if (MaskCrc32c(crc) != LittleEndian32(bytes.data())) return ChecksumError();
  crc = ExtendCrc32c(crc, bytes.data(), 4);
  bytes.remove_prefix(4);
  if (total != bytes.size()) return cut();
  if (MaskCrc32c(ExtendCrc32c(crc, bytes.data(), bytes.size())) != checksum) return ChecksumError();
  for (size_t i = 0; i < lengths.size(); ++i) {
    strings[i].assign(bytes.data(), lengths[i]);
    bytes.remove_prefix(lengths[i]);
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<TensorBundle> TensorBundle::Open(const std::string& prefix, const Limits& limits) {
  TensorBundle bundle(prefix, limits);
  const std::string path = absl::StrCat(prefix, ".index");
  MOULIN_ASSIGN_OR_RETURN(const std::string index, ReadFile(path, limits.graph_bytes));
  if (index.empty()) return AtFile(MakeError(ErrorCode::kEmpty, "nothing in it, a checkpoint is expected"), path);
  Status read = ReadSortedTable(index, limits, [&](absl::string_view key, absl::string_view value) {
    if (bundle.num_shards_ == 0) return bundle.ReadHeader(key, value);
    return AtTensor(bundle.AddEntry(key, value), key);
  });
  if (read.ok() && bundle.num_shards_ == 0) read = MakeError(ErrorCode::kParse, "an index without a header");
  if (!read.ok()) return AtFile(read, path);
  return bundle;
}

// The header's key, being empty, comes before all others.
Status TensorBundle::ReadHeader(absl::string_view key, absl::string_view value) {
  if (!key.empty()) return MakeError(ErrorCode::kParse, "an index without a header");
  tf::BundleHeaderProto header;
  MOULIN_RETURN_IF_ERROR(ParseProto(value, ProtoForm::kBinary, limits_, UnknownTextFields::kSkip, &header));
  MOULIN_RETURN_IF_ERROR(CheckHeader(header));
  num_shards_ = header.num_shards();
  return absl::OkStatus();
}

Status TensorBundle::AddEntry(absl::string_view key, absl::string_view value) {
  tf::BundleEntryProto entry;
  MOULIN_RETURN_IF_ERROR(ParseProto(value, ProtoForm::kBinary, limits_, UnknownTextFields::kSkip, &entry));
  MOULIN_ASSIGN_OR_RETURN(StoredTensor stored, FromProto(entry, num_shards_));
  if (key.front() != '\0') names_.emplace_back(key);
  entries_.emplace_hint(entries_.end(), std::string(key), std::move(stored));
  return absl::OkStatus();
}

StatusOr<Tensor> TensorBundle::ReadEntry(const StoredTensor& stored) {
  MOULIN_ASSIGN_OR_RETURN(const DType type, DTypeFromProto(stored.type));
  if (type == DType::kResource || type == DType::kVariant) {
    return MakeError(ErrorCode::kDType, "a tensor of type ", Name(type), " cannot be read");
  }
  MOULIN_ASSIGN_OR_RETURN(const OpenFile* file, Shard(stored.shard));
  if (stored.offset > file->size() || stored.bytes > file->size() - stored.offset) {
    return AtFile(MakeError(ErrorCode::kData, "stored at ", stored.offset, " in ", stored.bytes, " bytes, beyond the ",
                            file->size(), " of the data file"),
                  ShardPath(stored.shard));
  }
  if (stored.bytes > limits_.tensor_bytes) {
    return MakeError(ErrorCode::kLimit, stored.bytes, " bytes, at most ", limits_.tensor_bytes, " are allowed");
  }
  return type == DType::kString ? ReadStrings(stored, *file) : ReadNumbers(stored, type, *file);
}

StatusOr<Tensor> TensorBundle::ReadNumbers(const StoredTensor& stored, DType type, const OpenFile& file) {
  const int64_t elements = stored.shape.num_elements();
  const int64_t size = static_cast<int64_t>(SizeOf(type));
  if (stored.bytes % size != 0 || stored.bytes / size != elements) {
    return MakeError(ErrorCode::kTensor, stored.bytes, " bytes for ", Name(type), stored.shape.ToString());
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::AllocateUninitialized(type, stored.shape));
  MOULIN_RETURN_IF_ERROR(file.ReadAt(stored.offset, stored.bytes, tensor.mutable_data()));
  if (MaskCrc32c(ExtendCrc32c(0, tensor.data(), stored.bytes)) != stored.checksum) return ChecksumError();
  if (type == DType::kBool) {
    for (uint8_t& b : tensor.mutable_values<uint8_t>()) b = b != 0;
  }
  return tensor;
}

StatusOr<Tensor> TensorBundle::ReadStrings(const StoredTensor& stored, const OpenFile& file) {
  if (stored.shape.num_elements() > stored.bytes) {
    return MakeError(ErrorCode::kTensor, stored.bytes, " bytes for ", stored.shape.num_elements(), " strings");
  }
  std::string bytes(stored.bytes, '\0');
  MOULIN_RETURN_IF_ERROR(file.ReadAt(stored.offset, stored.bytes, bytes.data()));
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(DType::kString, stored.shape));
  MOULIN_RETURN_IF_ERROR(DecodeStrings(bytes, stored.checksum, tensor.mutable_strings()));
  return tensor;
}

std::string TensorBundle::ShardPath(int32_t shard) const {
  return absl::StrFormat("%s.data-%05d-of-%05d", prefix_, shard, num_shards_);
}

StatusOr<const OpenFile*> TensorBundle::Shard(int32_t shard) {
  std::unique_ptr<OpenFile>& file = shards_[shard];
  if (file == nullptr) {
    MOULIN_ASSIGN_OR_RETURN(OpenFile opened, OpenFile::ForReading(ShardPath(shard)));
    file = std::make_unique<OpenFile>(std::move(opened));
  }
  return file.get();
}

}  // namespace moulin
