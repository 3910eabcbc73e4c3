// What a SavedModel's graph must keep to before anything of it is used.
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/savedmodel.h"
#include "formats/unicode.h"
#include "formats/utf8.h"

namespace moulin {
namespace {

// Numbers of objects are indices into the list of objects. Circles are fine: objects may know each other.
Status CheckObjects(const tf::SavedObjectGraph& objects) {
  const auto check = [&](const char* what, int id) {
    if (id >= 0 && id < objects.nodes_size()) return absl::OkStatus();
    return MakeError(ErrorCode::kParse, "the object graph has ", objects.nodes_size(), " objects, ", what,
                     " is number ", id);
  };
  for (const tf::SavedObject& node : objects.nodes()) {
    for (const auto& child : node.children()) MOULIN_RETURN_IF_ERROR(check("a child", child.node_id()));
  }
  for (const auto& [name, function] : objects.concrete_functions()) {
    for (const int id : function.bound_inputs()) MOULIN_RETURN_IF_ERROR(check("a captured input", id));
  }
  return absl::OkStatus();
}

template <typename Map>
Status CheckKeys(const std::string& what, const Map& map) {
  absl::flat_hash_set<std::string> forms;
  for (const auto& [key, value] : map) {
    if (key.empty()) return MakeError(ErrorCode::kName, what, " with an empty key");
    if (ValidUtf8Prefix(key) != key.size()) {
      return MakeError(ErrorCode::kName, what, " whose key is not UTF-8, \"", Printable(key), "\"");
    }
    if (!forms.insert(CanonicalForm(key)).second) {
      return MakeError(ErrorCode::kDuplicate, what, " \"", Printable(key),
                       "\" differs from another one only in how Unicode encodes it");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Status CheckAssetName(const std::string& name) {
  constexpr size_t kMaxFileName = 255;
  if (name.empty() || name.size() > kMaxFileName || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
    return MakeError(ErrorCode::kName, "an asset should be a file of the folder assets, found \"", Printable(name),
                     "\"");
  }
  return absl::OkStatus();
}

Status CheckMetaGraph(const tf::MetaGraphDef& graph) {
  MOULIN_RETURN_IF_ERROR(CheckKeys("a signature", graph.signature_def()));
  for (const auto& [key, signature] : graph.signature_def()) {
    const std::string where = absl::StrCat("signature \"", Printable(key), "\": ");
    MOULIN_RETURN_IF_ERROR(CheckKeys(where + "an input", signature.inputs()));
    MOULIN_RETURN_IF_ERROR(CheckKeys(where + "an output", signature.outputs()));
  }
  for (const tf::AssetFileDef& asset : graph.asset_file_def()) {
    MOULIN_RETURN_IF_ERROR(CheckAssetName(asset.filename()));
  }
  return CheckObjects(graph.object_graph_def());
}

}  // namespace moulin
