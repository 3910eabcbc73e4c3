#include "cli/model_file.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/bundle.h"
#include "formats/checkpoint.h"
#include "formats/graphdef.h"
#include "formats/savedmodel.h"
#include "moulin/bundle.h"

namespace moulin::cli {
namespace {

StatusOr<ModelFile> FromBundle(const ModelPath& path) {
  MOULIN_ASSIGN_OR_RETURN(const auto bundle, BundleReader::Open(path.file));
  const std::string name = path.name.substr(0, path.name.find(':'));  // without the signature
  MOULIN_ASSIGN_OR_RETURN(BundleModel model, bundle->Load(name));
  ModelFile file;
  file.graph = std::move(model.mutable_graph());
  return file;
}

}  // namespace

StatusOr<ModelFile> ReadModelFile(const std::string& path) {
  const ModelPath split = SplitModelPath(path);
  if (!split.name.empty()) {
    StatusOr<ModelFile> file = FromBundle(split);
    return file.ok() ? std::move(file) : AtFile(file.status(), path);
  }
  ModelFile file;
  if (IsSavedModelDirectory(path)) {
    MOULIN_ASSIGN_OR_RETURN(SavedModelFile saved, ReadSavedModel(path));
    file.graph = std::move(*saved.meta_graph.mutable_graph_def());
    return file;
  }
  const bool is_checkpoint = IsCheckpoint(path);
  if (is_checkpoint || absl::EndsWith(path, ".meta")) {
    std::string meta = path;
    if (is_checkpoint) {
      MOULIN_ASSIGN_OR_RETURN(const std::string prefix, FindCheckpoint(path));
      meta = absl::StrCat(prefix, ".meta");
    }
    MOULIN_ASSIGN_OR_RETURN(tf::MetaGraphDef meta_graph, ReadMetaGraph(meta));
    file.graph = std::move(*meta_graph.mutable_graph_def());
    return file;
  }
  MOULIN_ASSIGN_OR_RETURN(file.graph, ReadGraphDef(path));
  return file;
}

StatusOr<std::vector<std::string>> BundleModelNames(const std::string& path) {
  MOULIN_ASSIGN_OR_RETURN(const auto bundle, BundleReader::Open(path));
  return bundle->names();
}

bool IsWholeBundle(const std::string& path) {
  return SplitModelPath(path).name.empty() && absl::EndsWith(path, ".moulin");
}

}  // namespace moulin::cli
