#include "cli/show_checkpoint.h"

#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "formats/checkpoint.h"
#include "formats/tensor_proto.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

// Types that cannot be read are listed all the same, as TensorFlow spells them.
std::string StoredTypeName(tf::DataType type) {
  const StatusOr<DType> known = DTypeFromProto(type);
  if (known.ok()) return std::string(Name(*known));
  if (!tf::DataType_IsValid(type)) return absl::StrCat("type ", static_cast<int>(type));
  return absl::AsciiStrToLower(absl::StripPrefix(tf::DataType_Name(type), "DT_"));
}

nlohmann::json ToJson(const CheckpointTensor& tensor) {
  nlohmann::json j = {{"name", Printable(tensor.key, 1 << 16)}, {"dtype", StoredTypeName(tensor.type)}};
  j["shape"] = nlohmann::json::array();
  for (const int64_t size : tensor.shape.dims()) j["shape"].push_back(size);
  if (!tensor.variable.empty()) j["variable"] = Printable(tensor.variable, 1 << 16);
  if (tensor.slices > 0) j["slices"] = tensor.slices;
  return j;
}

void Print(const CheckpointTensor& tensor) {
  std::printf("  %-24s %s%s", Printable(tensor.key).c_str(), StoredTypeName(tensor.type).c_str(),
              tensor.shape.ToString().c_str());
  if (tensor.slices > 0) std::printf(" in %d slices", tensor.slices);
  if (!tensor.variable.empty()) std::printf("  (%s)", Printable(tensor.variable).c_str());
  std::printf("\n");
}

}  // namespace

StatusOr<int> ShowCheckpoint(const std::string& path, bool as_json) {
  MOULIN_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Open(path));
  const std::vector<CheckpointTensor> tensors = checkpoint.tensors();
  if (as_json) {
    nlohmann::json j = {{"checkpoint", Printable(checkpoint.prefix(), 1 << 16)},
                        {"variables", nlohmann::json::array()}};
    for (const CheckpointTensor& tensor : tensors) j["variables"].push_back(ToJson(tensor));
    std::printf("%s\n", JsonText(j, 1).c_str());
    return kDone;
  }
  std::printf("%s\nvariables\n", Printable(checkpoint.prefix(), 1 << 16).c_str());
  for (const CheckpointTensor& tensor : tensors) Print(tensor);
  return kDone;
}

}  // namespace moulin::cli
