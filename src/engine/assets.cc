// Tested by tests/engine/assets_test.cc.
#include "engine/assets.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"

namespace moulin::internal {

std::function<StatusOr<std::string>(const std::string& name)> AssetReader(const std::string& folder,
                                                                          tf::MetaGraphDef* meta_graph,
                                                                          const Limits& limits) {
  absl::flat_hash_set<std::string> names;
  absl::flat_hash_map<std::string, std::string> file_of;  // by node
  for (const tf::AssetFileDef& asset : meta_graph->asset_file_def()) {
    names.insert(asset.filename());
    file_of.emplace(absl::StripSuffix(asset.tensor_info().name(), ":0"), asset.filename());
  }
  for (tf::NodeDef& node : *meta_graph->mutable_graph_def()->mutable_node()) {
    const auto found = file_of.find(node.name());
    if (found == file_of.end() || node.op() != "Const") continue;
    tf::TensorProto* value = (*node.mutable_attr())["value"].mutable_tensor();
    value->Clear();
    value->set_dtype(tf::DT_STRING);
    value->mutable_tensor_shape();
    value->add_string_val(found->second);
  }
  return [folder, names = std::move(names), limits](const std::string& name) -> StatusOr<std::string> {
    if (!names.contains(name)) {
      return MakeError(ErrorCode::kName, "the SavedModel lists no asset \"", Printable(name), "\"");
    }
    std::error_code error;
    if (std::filesystem::is_symlink(folder, error)) {
      return AtFile(MakeError(ErrorCode::kFile, "is a symbolic link, which is not followed here"), folder);
    }
    MOULIN_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::ForReadingOwn(absl::StrCat(folder, "/", name)));
    return ReadFile(file, limits.constant_bytes);
  };
}

}  // namespace moulin::internal
