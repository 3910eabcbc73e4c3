#include "engine/signature.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::internal {
namespace {

constexpr char kDefaultKey[] = "serving_default";

std::vector<std::string> SignatureKeys(const tf::MetaGraphDef& meta_graph) {
  std::vector<std::string> keys;
  for (const auto& [key, signature] : meta_graph.signature_def()) {
    if (!absl::StartsWith(key, "__saved_model")) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

StatusOr<std::string> ChooseKey(const tf::MetaGraphDef& meta_graph, const std::string& key) {
  const std::vector<std::string> keys = SignatureKeys(meta_graph);
  const auto has = [&](const std::string& k) { return std::find(keys.begin(), keys.end(), k) != keys.end(); };
  if (!key.empty() ? has(key) : has(kDefaultKey)) return key.empty() ? kDefaultKey : key;
  if (key.empty() && keys.size() == 1) return keys.front();
  std::vector<std::string> printable;
  for (const std::string& k : keys) printable.push_back(Printable(k));
  return MakeError(ErrorCode::kName, "no signature \"", Printable(key.empty() ? kDefaultKey : key),
                   "\"; it has: ", keys.empty() ? "none" : absl::StrJoin(printable, ", "));
}

template <typename Map>
StatusOr<std::vector<NamedTensorRef>> Refs(const Map& infos, const std::string& signature) {
  std::vector<NamedTensorRef> refs;
  for (const auto& [key, info] : infos) {
    if (info.encoding_case() != tf::TensorInfo::kName) {
      return MakeError(ErrorCode::kUnsupported, "signature \"", Printable(signature), "\": \"", Printable(key),
                       "\" is a sparse or composite tensor");
    }
    refs.push_back({key, info.name()});
  }
  std::sort(refs.begin(), refs.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return refs;
}

}  // namespace

StatusOr<Signature> FindSignature(const tf::MetaGraphDef& meta_graph, const std::string& key) {
  Signature signature;
  MOULIN_ASSIGN_OR_RETURN(signature.key, ChooseKey(meta_graph, key));
  const tf::SignatureDef& def = meta_graph.signature_def().at(signature.key);
  MOULIN_ASSIGN_OR_RETURN(signature.inputs, Refs(def.inputs(), signature.key));
  MOULIN_ASSIGN_OR_RETURN(signature.outputs, Refs(def.outputs(), signature.key));
  return signature;
}

}  // namespace moulin::internal
