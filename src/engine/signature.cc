#include "engine/signature.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/tensor_proto.h"
#include "import/tensor_names.h"

namespace moulin::internal {

std::vector<std::string> SignatureKeys(const tf::MetaGraphDef& meta_graph) {
  std::vector<std::string> keys;
  for (const auto& [key, signature] : meta_graph.signature_def()) {
    if (!absl::StartsWith(key, "__saved_model")) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

namespace {

constexpr char kDefaultKey[] = "serving_default";

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

std::string Where(const std::string& signature, const std::string& key) {
  return absl::StrCat("signature \"", Printable(signature), "\", \"", Printable(key), "\"");
}

Status CheckTensors(const tf::GraphDef& graph, const Signature& signature) {
  absl::flat_hash_set<absl::string_view> nodes;
  for (const tf::NodeDef& node : graph.node()) nodes.insert(node.name());
  for (const auto* refs : {&signature.inputs, &signature.outputs}) {
    for (const NamedTensorRef& ref : *refs) {
      const absl::string_view node = absl::string_view(ref.tensor).substr(0, ref.tensor.find(':'));
      if (nodes.contains(node)) continue;
      const std::string closest = DidYouMean(node, {nodes.begin(), nodes.end()});
      return MakeError(ErrorCode::kOutput, "the graph has no tensor \"", Printable(ref.tensor), "\"; ",
                       Where(signature.key, ref.name), closest.empty() ? "" : "; ", closest);
    }
  }
  return absl::OkStatus();
}

// TensorFlow leaves out what it does not know.
Status CheckTensor(const tf::TensorInfo& declared, const TensorType& type, const std::string& where) {
  if (declared.dtype() != tf::DT_INVALID && declared.dtype() != DTypeToProto(type.dtype)) {
    return MakeError(ErrorCode::kDType, "the graph says ", Name(type.dtype), ", the signature ",
                     tf::DataType_Name(declared.dtype()), "; ", where);
  }
  const tf::TensorShapeProto& shape = declared.tensor_shape();
  if (!declared.has_tensor_shape() || shape.unknown_rank() || !type.shape.has_rank()) return absl::OkStatus();
  bool agrees = shape.dim_size() == type.shape.rank();
  for (int i = 0; agrees && i < shape.dim_size(); ++i) {
    const int64_t size = shape.dim(i).size();
    agrees = size < 0 || type.shape.dim(i) == kUnknownDim || type.shape.dim(i) == size;
  }
  if (agrees) return absl::OkStatus();
  const auto append = [](std::string* out, const auto& dim) {
    absl::StrAppend(out, dim.size() < 0 ? "?" : absl::StrCat(dim.size()));
  };
  return MakeError(ErrorCode::kShape, "the graph says ", type.shape.ToString(), ", the signature [",
                   absl::StrJoin(shape.dim(), ",", append), "]; ", where);
}

}  // namespace

Status CheckDeclared(const tf::SignatureDef& declared, const std::string& key, const Graph& graph) {
  for (const ValueId input : graph.inputs()) {
    const Value& value = graph.value(input);
    const auto it = declared.inputs().find(std::string(value.name()));
    if (it == declared.inputs().end()) continue;
    MOULIN_RETURN_IF_ERROR(CheckTensor(it->second, value.type, Where(key, it->first)));
  }
  for (const GraphOutput& output : graph.outputs()) {
    const auto it = declared.outputs().find(output.name);
    if (it == declared.outputs().end()) continue;
    MOULIN_RETURN_IF_ERROR(CheckTensor(it->second, graph.value(output.value).type, Where(key, it->first)));
  }
  return absl::OkStatus();
}

StatusOr<Signature> FindSignature(const tf::MetaGraphDef& meta_graph, const std::string& key) {
  Signature signature;
  MOULIN_ASSIGN_OR_RETURN(signature.key, ChooseKey(meta_graph, key));
  const tf::SignatureDef& def = meta_graph.signature_def().at(signature.key);
  MOULIN_ASSIGN_OR_RETURN(signature.inputs, Refs(def.inputs(), signature.key));
  MOULIN_ASSIGN_OR_RETURN(signature.outputs, Refs(def.outputs(), signature.key));
  MOULIN_RETURN_IF_ERROR(CheckTensors(meta_graph.graph_def(), signature));
  return signature;
}

}  // namespace moulin::internal
