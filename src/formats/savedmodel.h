// SavedModel directories: a graph with signatures, and variables beside it.
#ifndef MOULIN_FORMATS_SAVEDMODEL_H_
#define MOULIN_FORMATS_SAVEDMODEL_H_

#include <string>
#include <vector>

#include "base/limits.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin {

struct SavedModelFile {
  std::string directory;        // the one that holds saved_model.pb
  tf::MetaGraphDef meta_graph;  // graph_def, signature_def, asset_file_def, ...
  bool has_variables = false;   // variables/variables.index is there
};

// Whether `path` is a directory that ReadSavedModel would look into: it holds saved_model.pb or .pbtxt, or is a
// versioned directory (see below).
bool IsSavedModelDirectory(const std::string& path);

// Reads saved_model.pb or saved_model.pbtxt in `directory`. Where it has neither but subdirectories named by numbers
// (`name/1/`, `name/2/`) that do, the highest number is taken. Of the graphs inside, the one whose set of tags is
// exactly `tags` is chosen; with no tags given, the one tagged "serve", or else the only one.
//
// Errors: E_FILE (no such directory, no saved_model file in it), E_DUP (both saved_model.pb and .pbtxt), E_NAME (no
// graph with these tags; lists those there are), E_EMPTY, E_PARSE, E_LIMIT as ReadGraphDef; those of CheckMetaGraph.
StatusOr<SavedModelFile> ReadSavedModel(const std::string& directory, const std::vector<std::string>& tags = {},
                                        const Limits& limits = {});

// The same with every graph in the file, unchecked.
struct WholeSavedModel {
  std::string directory;
  tf::SavedModel model;
};
StatusOr<WholeSavedModel> ReadWholeSavedModel(const std::string& directory, const Limits& limits = {});

// Which of the graphs `tags` choose, as ReadSavedModel does. E_NAME.
StatusOr<int> FindMetaGraph(const tf::SavedModel& model, const std::vector<std::string>& tags);

// E_NAME where an asset's name is empty, absolute, longer than 255 bytes, or leads out of its folder ("..", '/').
Status CheckAssetName(const std::string& name);

// Checks what ReadSavedModel does of the graph that it chooses: E_NAME (a key that is empty or not UTF-8; an asset that
// leads out of its folder), E_DUP (keys that differ in their Unicode encoding only), E_OUTPUT (an init op that is not
// in the graph), E_PARSE (numbers of objects that are none).
Status CheckMetaGraph(const tf::MetaGraphDef& graph);

}  // namespace moulin

#endif  // MOULIN_FORMATS_SAVEDMODEL_H_
