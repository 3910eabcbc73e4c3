#include "formats/savedmodel.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/proto_io.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;

constexpr char kBinaryName[] = "saved_model.pb";
constexpr char kTextName[] = "saved_model.pbtxt";
constexpr char kDefaultTag[] = "serve";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool HoldsSavedModel(const fs::path& directory) {
  return Exists(directory / kBinaryName) || Exists(directory / kTextName);
}

// The directory itself, or the subdirectory with the highest number; empty where neither holds a model.
fs::path FindModelDirectory(const fs::path& directory) {
  if (HoldsSavedModel(directory)) return directory;
  fs::path newest;
  int64_t newest_version = -1;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    int64_t version;
    if (!absl::SimpleAtoi(it->path().filename().string(), &version) || version <= newest_version) continue;
    if (!HoldsSavedModel(it->path())) continue;
    newest = it->path();
    newest_version = version;
  }
  return newest;
}

std::string TagList(const std::set<std::string>& tags) {
  return Printable(absl::StrCat("{", absl::StrJoin(tags, ","), "}"));
}

std::set<std::string> TagsOf(const tf::MetaGraphDef& graph) {
  const auto& tags = graph.meta_info_def().tags();
  return std::set<std::string>(tags.begin(), tags.end());
}

StatusOr<tf::SavedModel> ReadFileOf(const fs::path& directory, const Limits& limits) {
  const bool is_text = Exists(directory / kTextName);
  if (is_text && Exists(directory / kBinaryName)) {
    return AtFile(MakeError(ErrorCode::kDuplicate, "both ", kBinaryName, " and ", kTextName, ", one is expected"),
                  directory.string());
  }
  const std::string path = (directory / (is_text ? kTextName : kBinaryName)).string();
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.graph_bytes));
  if (bytes.empty()) return AtFile(MakeError(ErrorCode::kEmpty, "nothing in it, a SavedModel is expected"), path);
  tf::SavedModel model;
  const Status parsed = ParseProto(bytes, DetectProtoForm(bytes), limits, UnknownTextFields::kSkip, &model);
  if (!parsed.ok()) return AtFile(parsed, path);
  if (model.meta_graphs_size() == 0) return AtFile(MakeError(ErrorCode::kEmpty, "a SavedModel without graphs"), path);
  return model;
}

}  // namespace

StatusOr<int> FindMetaGraph(const tf::SavedModel& model, const std::vector<std::string>& tags) {
  const std::set<std::string> wanted =
      tags.empty() ? std::set<std::string>{kDefaultTag} : std::set<std::string>(tags.begin(), tags.end());
  for (int i = 0; i < model.meta_graphs_size(); ++i) {
    if (TagsOf(model.meta_graphs(i)) == wanted) return i;
  }
  if (tags.empty() && model.meta_graphs_size() == 1) return 0;
  const std::string there = absl::StrJoin(model.meta_graphs(), ", ", [](std::string* out, const auto& graph) {
    absl::StrAppend(out, TagList(TagsOf(graph)));
  });
  return MakeError(ErrorCode::kName, "no graph with the tags ", TagList(wanted), "; there are: ", there);
}

bool IsSavedModelDirectory(const std::string& path) { return !FindModelDirectory(path).empty(); }

StatusOr<WholeSavedModel> ReadWholeSavedModel(const std::string& directory, const Limits& limits) {
  const fs::path found = FindModelDirectory(directory);
  if (found.empty()) {
    return AtFile(MakeError(ErrorCode::kFile, "no ", kBinaryName, " or ", kTextName,
                            " in this directory, nor in a numbered one below it"),
                  directory);
  }
  MOULIN_ASSIGN_OR_RETURN(tf::SavedModel model, ReadFileOf(found, limits));
  return WholeSavedModel{found.string(), std::move(model)};
}

StatusOr<SavedModelFile> ReadSavedModel(const std::string& directory, const std::vector<std::string>& tags,
                                        const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(WholeSavedModel whole, ReadWholeSavedModel(directory, limits));
  const StatusOr<int> index = FindMetaGraph(whole.model, tags);
  if (!index.ok()) return AtFile(index.status(), whole.directory);
  const Status checked = CheckMetaGraph(whole.model.meta_graphs(*index));
  if (!checked.ok()) return AtFile(checked, whole.directory);
  SavedModelFile file;
  file.directory = whole.directory;
  file.meta_graph = std::move(*whole.model.mutable_meta_graphs(*index));
  file.has_variables = Exists(fs::path(file.directory) / "variables" / "variables.index");
  return file;
}

}  // namespace moulin
