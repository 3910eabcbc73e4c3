// Models whose variables lie beside the graph: SavedModels, and .meta graphs with a checkpoint.
#ifndef MOULIN_ENGINE_META_GRAPH_SOURCE_H_
#define MOULIN_ENGINE_META_GRAPH_SOURCE_H_

#include <string>
#include <vector>

#include "base/limits.h"
#include "engine/model_source.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// Of the graph, what the signature or the named outputs need is imported, with the values of the variables among it as
// constants. Errors as of ReadModel; E_NAME where the checkpoint lacks a variable, E_FILE where all variables are
// missing.
StatusOr<SourceModel> ReadSavedModelDirectory(const std::string& path, const ModelOptions& options,
                                              const Limits& limits);

// A checkpoint by any of its names (formats/checkpoint.h), its .meta file, or a GraphDef with the checkpoint that the
// options name. The outputs must be named unless the graph has a signature; E_OUTPUT otherwise. E_FILE where there is
// no .meta.
StatusOr<SourceModel> ReadCheckpointModel(const std::string& path, const ModelOptions& options, const Limits& limits);

// A graph and the checkpoint with its variables.
struct MetaGraphFile {
  tf::MetaGraphDef meta_graph;
  std::string variables;      // the checkpoint's prefix
  std::string assets;         // the folder of the files that come with the graph; "" where none do
  bool has_variables = true;  // false: there is no checkpoint of that prefix (a SavedModel without variables)
};

// What a SavedModel directory, (IsCheckpointModel) a checkpoint or else a GraphDef holds; the variables are those of
// `checkpoint` where that is not "" (a prefix, or a directory: its latest). Errors as of the two above.
StatusOr<MetaGraphFile> ReadMetaGraphFile(const std::string& path, const std::vector<std::string>& tags,
                                          const std::string& checkpoint, const Limits& limits);

// E_OUTPUT: nothing says what the outputs are.
Status NoSignatureError();

// E_WRONG_TYPE where `path` names a bundle or a model of one: those are frozen already.
Status RefuseBundle(const std::string& path);

// Whether `path` is what ReadCheckpointModel reads.
bool IsCheckpointModel(const std::string& path);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_META_GRAPH_SOURCE_H_
