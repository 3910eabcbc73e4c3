#include "formats/npz.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/npy.h"
#include "formats/zip.h"

namespace moulin {
namespace {

constexpr absl::string_view kSuffix = ".npy";

Status AtArray(const Status& status, absl::string_view name) {
  return Status(status.code(), absl::StrCat(status.message(), "; array \"", Printable(name), "\""));
}

StatusOr<Tensor> ReadArray(const ZipEntry& entry, const Limits& limits) {
  if (entry.size > limits.tensor_bytes) {
    return MakeError(ErrorCode::kLimit, "unpacks to ", entry.size, " bytes, the limit is ", limits.tensor_bytes);
  }
  std::string buffer;
  MOULIN_ASSIGN_OR_RETURN(const absl::string_view bytes, UnpackEntry(entry, &buffer));
  return ParseNpy(bytes, limits);
}

// The elements as they are stored, without a copy where they lie so already.
Status AddArray(const std::string& name, const Tensor& tensor, bool deflate, ZipWriter* zip) {
  if (name.empty()) return MakeError(ErrorCode::kName, "an array without a name");
  const std::string entry = absl::StrCat(name, kSuffix);
  if (tensor.dtype() == DType::kString) {
    MOULIN_ASSIGN_OR_RETURN(const std::string bytes, EncodeNpy(tensor));
    return zip->Add(entry, bytes, "", deflate);
  }
  MOULIN_ASSIGN_OR_RETURN(const std::string header, EncodeNpyHeader(tensor));
  const absl::string_view elements(static_cast<const char*>(tensor.data()), tensor.byte_size());
  return zip->Add(entry, header, elements, deflate);
}

Status CheckNames(const NamedTensors& tensors) {
  std::vector<absl::string_view> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return absl::OkStatus();
  return MakeError(ErrorCode::kDuplicate, "two arrays \"", Printable(*twice), "\"");
}

Status WriteArrays(const NamedTensors& tensors, NpzCompression compression, const Sink& sink) {
  MOULIN_RETURN_IF_ERROR(CheckNames(tensors));
  ZipWriter zip(sink);
  for (const auto& [name, tensor] : tensors) {
    const Status added = AddArray(name, tensor, compression == NpzCompression::kDeflated, &zip);
    if (!added.ok()) return AtArray(added, name);
  }
  return zip.Finish();
}

}  // namespace

StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<ZipEntry> entries, ListZip(bytes, limits));
  NamedTensors tensors;
  for (const ZipEntry& entry : entries) {
    const absl::string_view name = absl::StripSuffix(entry.name, kSuffix);
    StatusOr<Tensor> tensor = ReadArray(entry, limits);
    if (!tensor.ok()) return AtArray(tensor.status(), name);
    tensors.emplace_back(name, *std::move(tensor));
  }
  MOULIN_RETURN_IF_ERROR(CheckNames(tensors));
  return tensors;
}

StatusOr<NamedTensors> ReadNpz(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.tensor_bytes));
  StatusOr<NamedTensors> tensors = ParseNpz(bytes, limits);
  if (!tensors.ok()) return AtFile(tensors.status(), path);
  return tensors;
}

StatusOr<std::string> EncodeNpz(const NamedTensors& tensors) {
  std::string bytes;
  MOULIN_RETURN_IF_ERROR(WriteArrays(tensors, NpzCompression::kStored, [&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  }));
  return bytes;
}

Status WriteNpz(const std::string& path, const NamedTensors& tensors, NpzCompression compression) {
  return WriteFile(path, [&](const Sink& sink) { return WriteArrays(tensors, compression, sink); });
}

}  // namespace moulin
