#include "engine/bundle_contents.h"

#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace moulin::internal {
namespace {

using nlohmann::json;

constexpr char kDefaultSignature[] = "serving_default";

Status Malformed(const std::string& what) { return MakeError(ErrorCode::kParse, "the bundle's metadata: ", what); }

json ToJson(const std::vector<TensorName>& names) {
  json list = json::array();
  for (const TensorName& n : names) list.push_back({{"name", n.name}, {"tensor", n.tensor}});
  return list;
}

json ToJson(const BundleSignature& signature) {
  json j = {{"name", signature.name}, {"inputs", ToJson(signature.inputs)}, {"outputs", ToJson(signature.outputs)}};
  for (const BundleGolden& golden : signature.goldens) {
    j["goldens"].push_back({{"inputs", golden.inputs},
                            {"outputs", golden.outputs},
                            {"rtol", golden.tolerance.rtol},
                            {"atol", golden.tolerance.atol}});
  }
  if (!signature.warm_up.empty()) j["warm_up"] = signature.warm_up;
  if (signature.max_batch > 0) j["max_batch"] = signature.max_batch;
  return j;
}

// A list under `key`; absent means empty.
StatusOr<json> ListOf(const json& object, const char* key) {
  if (!object.contains(key)) return json::array();
  if (object[key].is_array()) return object[key];
  return Malformed(absl::StrCat("\"", key, "\" should be a list"));
}

StatusOr<std::string> StringOf(const json& object, const char* key) {
  if (object.is_object() && object.contains(key) && object[key].is_string()) return object[key].get<std::string>();
  return Malformed(absl::StrCat("no string \"", key, "\""));
}

StatusOr<double> ToleranceOf(const json& object, const char* key) {
  const json value = object.contains(key) ? object[key] : json(0);
  if (value.is_number() && value.get<double>() >= 0 && std::isfinite(value.get<double>())) return value.get<double>();
  return Malformed(absl::StrCat("\"", key, "\" should be a number of 0 or more"));
}

StatusOr<std::vector<TensorName>> NamesOf(const json& object, const char* key) {
  std::vector<TensorName> names;
  MOULIN_ASSIGN_OR_RETURN(const json list, ListOf(object, key));
  for (const json& entry : list) {
    TensorName name;
    MOULIN_ASSIGN_OR_RETURN(name.tensor, StringOf(entry, "tensor"));
    if (entry.contains("name") && entry["name"].is_string()) name.name = entry["name"].get<std::string>();
    names.push_back(std::move(name));
  }
  return names;
}

StatusOr<BundleGolden> GoldenOf(const json& entry) {
  BundleGolden golden;
  MOULIN_ASSIGN_OR_RETURN(golden.inputs, StringOf(entry, "inputs"));
  MOULIN_ASSIGN_OR_RETURN(golden.outputs, StringOf(entry, "outputs"));
  MOULIN_ASSIGN_OR_RETURN(golden.tolerance.rtol, ToleranceOf(entry, "rtol"));
  MOULIN_ASSIGN_OR_RETURN(golden.tolerance.atol, ToleranceOf(entry, "atol"));
  return golden;
}

StatusOr<BundleSignature> BundleSignatureOf(const json& entry) {
  BundleSignature signature;
  MOULIN_ASSIGN_OR_RETURN(signature.name, StringOf(entry, "name"));
  MOULIN_ASSIGN_OR_RETURN(signature.inputs, NamesOf(entry, "inputs"));
  MOULIN_ASSIGN_OR_RETURN(signature.outputs, NamesOf(entry, "outputs"));
  MOULIN_ASSIGN_OR_RETURN(const json goldens, ListOf(entry, "goldens"));
  for (const json& golden : goldens) {
    MOULIN_ASSIGN_OR_RETURN(BundleGolden parsed, GoldenOf(golden));
    signature.goldens.push_back(std::move(parsed));
  }
  MOULIN_ASSIGN_OR_RETURN(const json warm_up, ListOf(entry, "warm_up"));
  for (const json& file : warm_up) {
    if (!file.is_string()) return Malformed("\"warm_up\" should be a list of files");
    signature.warm_up.push_back(file.get<std::string>());
  }
  if (!entry.contains("max_batch")) return signature;
  const json& batch = entry["max_batch"];
  const bool fits = batch.is_number_unsigned() ? batch.get<uint64_t>() <= INT64_MAX
                                               : batch.is_number_integer() && batch.get<int64_t>() >= 0;
  if (!fits) {
    return Malformed("\"max_batch\" should be a number of 0 or more");
  }
  signature.max_batch = batch.get<int64_t>();
  return signature;
}

// Where Choose finds the default one; -1 where there is none.
int DefaultIndex(const std::vector<BundleSignature>& signatures) {
  if (signatures.size() == 1) return 0;
  for (size_t i = 0; i < signatures.size(); ++i) {
    if (signatures[i].name == kDefaultSignature) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

json ToMetadata(const std::vector<BundleSignature>& signatures) {
  json metadata = json::object();
  metadata["signatures"] = json::array();
  for (const BundleSignature& signature : signatures) metadata["signatures"].push_back(ToJson(signature));
  const int first = DefaultIndex(signatures);
  if (first < 0) return metadata;
  metadata["inputs"] = ToJson(signatures[first].inputs);
  metadata["outputs"] = ToJson(signatures[first].outputs);
  return metadata;
}

StatusOr<std::vector<BundleSignature>> SignaturesFromMetadata(const json& metadata) {
  std::vector<BundleSignature> signatures;
  MOULIN_ASSIGN_OR_RETURN(const json list, ListOf(metadata, "signatures"));
  absl::flat_hash_set<std::string> names;
  for (const json& entry : list) {
    MOULIN_ASSIGN_OR_RETURN(BundleSignature signature, BundleSignatureOf(entry));
    if (!names.insert(signature.name).second) {
      return MakeError(ErrorCode::kDuplicate, "two signatures \"", Printable(signature.name), "\"");
    }
    signatures.push_back(std::move(signature));
  }
  if (!signatures.empty()) return signatures;
  signatures.emplace_back();
  MOULIN_ASSIGN_OR_RETURN(signatures[0].inputs, NamesOf(metadata, "inputs"));
  MOULIN_ASSIGN_OR_RETURN(signatures[0].outputs, NamesOf(metadata, "outputs"));
  return signatures;
}

StatusOr<BundleSignature> ChooseSignature(const std::vector<BundleSignature>& signatures, const std::string& name) {
  if (name.empty() && DefaultIndex(signatures) >= 0) return signatures[DefaultIndex(signatures)];
  std::vector<std::string> names;
  for (const BundleSignature& signature : signatures) {
    if (!name.empty() && signature.name == name) return signature;
    names.push_back(absl::StrCat("\"", Printable(signature.name), "\""));
  }
  return MakeError(ErrorCode::kName, "no signature \"", Printable(name.empty() ? kDefaultSignature : name),
                   "\"; it has: ", absl::StrJoin(names, ", "));
}

}  // namespace moulin::internal
