#include "cli/golden_case.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int64_t kMaxMetaBytes = 16 << 20;
// The graph of objects, which a checkpoint keeps among its tensors; cases give no value for it.
constexpr char kObjectsKey[] = "_CHECKPOINTABLE_OBJECT_GRAPH";

StatusOr<TensorInfo> ReadInfo(const json& j) {
  TensorInfo info;
  if (!j.is_object()) return MakeError(ErrorCode::kParse, "a tensor must be an object, found ", j.type_name());
  info.name = j.value("name", "");
  info.tensor = j.value("tensor", "");
  info.dtype = DTypeFromName(j.value("dtype", ""));
  if (info.name.empty() || info.dtype == DType::kInvalid) {
    return MakeError(ErrorCode::kParse, "a tensor needs a name and a known dtype, found ", Printable(j.dump()));
  }
  return info;
}

StatusOr<std::vector<TensorInfo>> ReadInfos(const json& parent, const char* key) {
  std::vector<TensorInfo> infos;
  if (!parent.contains(key)) return infos;
  for (const json& j : parent[key]) {
    MOULIN_ASSIGN_OR_RETURN(TensorInfo info, ReadInfo(j));
    infos.push_back(std::move(info));
  }
  return infos;
}

StatusOr<GoldenCall> ReadCall(const json& j, const std::string& signature, const std::string& directory) {
  GoldenCall call;
  call.signature = signature;
  if (j.contains("tags")) call.tags = j["tags"].get<std::vector<std::string>>();
  MOULIN_ASSIGN_OR_RETURN(call.inputs, ReadInfos(j, "inputs"));
  MOULIN_ASSIGN_OR_RETURN(call.outputs, ReadInfos(j, "outputs"));
  call.inputs_path = absl::StrCat(directory, "/", j.value("golden_inputs", "inputs.npz"));
  call.outputs_path = absl::StrCat(directory, "/", j.value("golden_outputs", "outputs.npz"));
  return call;
}

StatusOr<GoldenCase> FromJson(const json& meta, const std::string& directory) {
  GoldenCase c;
  c.directory = directory;
  c.name = meta.value("name", fs::path(directory).filename().string());
  c.format = meta.value("format", "");
  c.model_path = absl::StrCat(directory, "/", meta.value("path", "model.pb"));
  if (meta.contains("tolerance")) {
    c.tolerance.rtol = meta["tolerance"].value("rtol", 0.0);
    c.tolerance.atol = meta["tolerance"].value("atol", 0.0);
  }
  if (c.format == "checkpoint") {
    MOULIN_ASSIGN_OR_RETURN(c.variables, ReadInfos(meta, "variables"));
    c.variables.erase(std::remove_if(c.variables.begin(), c.variables.end(),
                                     [](const TensorInfo& info) { return info.name == kObjectsKey; }),
                      c.variables.end());
    c.values_path = absl::StrCat(directory, "/", meta.value("values", "values.npz"));
    c.latest = meta.value("latest", "");
  } else if (meta.contains("signatures") && meta["signatures"].is_array()) {
    for (const json& s : meta["signatures"]) {
      MOULIN_ASSIGN_OR_RETURN(GoldenCall call, ReadCall(s, s.value("name", ""), directory));
      c.calls.push_back(std::move(call));
    }
  } else {
    MOULIN_ASSIGN_OR_RETURN(GoldenCall call, ReadCall(meta, "", directory));
    c.calls.push_back(std::move(call));
  }
  return c;
}

}  // namespace

StatusOr<std::vector<std::string>> FindCases(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();  // the last part is a case's name
  std::vector<std::string> cases;
  std::error_code error;
  if (fs::exists(fs::path(path) / "meta.json", error)) return std::vector<std::string>{path};
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (fs::exists(entry.path() / "meta.json", error)) cases.push_back(entry.path().string());
  }
  if (cases.empty()) return MakeError(ErrorCode::kFile, "no golden case (meta.json) in \"", Printable(path), "\"");
  std::sort(cases.begin(), cases.end());
  return cases;
}

StatusOr<GoldenCase> ReadCase(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/meta.json");
  MOULIN_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxMetaBytes));
  const json meta = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object()) return AtFile(MakeError(ErrorCode::kParse, "not a JSON object"), path);
  try {
    StatusOr<GoldenCase> c = FromJson(meta, directory);
    return c.ok() ? c : AtFile(c.status(), path);
  } catch (const json::exception& e) {  // a field of another type than expected
    return AtFile(MakeError(ErrorCode::kParse, e.what()), path);
  }
}

StatusOr<NamedTensors> ReadTensors(const std::string& path, const std::vector<TensorInfo>& infos) {
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors stored, ReadNpz(path));
  NamedTensors tensors;
  for (const TensorInfo& info : infos) {
    const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& t) { return t.first == info.name; });
    if (found == stored.end()) {
      return AtFile(MakeError(ErrorCode::kName, "no array \"", Printable(info.name), "\""), path);
    }
    StatusOr<Tensor> tensor = CastStored(found->second, info.dtype);
    if (!tensor.ok()) return AtFile(tensor.status(), path);
    tensors.emplace_back(info.name, *std::move(tensor));
  }
  return tensors;
}

}  // namespace moulin::cli
