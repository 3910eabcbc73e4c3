// Models whose variables lie beside the graph: SavedModels, and .meta graphs with a checkpoint.
#ifndef MOULIN_ENGINE_META_GRAPH_SOURCE_H_
#define MOULIN_ENGINE_META_GRAPH_SOURCE_H_

#include <string>

#include "engine/model_source.h"

namespace moulin::internal {

// Of the graph, what the signature or the named outputs need is imported, with the values of the variables among it as
// constants. Errors as of ReadModel; E_NAME where the checkpoint lacks a variable, E_FILE where all variables are
// missing.
StatusOr<SourceModel> ReadSavedModelDirectory(const std::string& path, const ModelOptions& options,
                                              const Limits& limits);

// A checkpoint by any of its names (formats/checkpoint.h), or its .meta file. The outputs must be named unless the
// graph has a signature; E_OUTPUT otherwise. E_FILE where there is no .meta.
StatusOr<SourceModel> ReadCheckpointModel(const std::string& path, const ModelOptions& options, const Limits& limits);

// Whether `path` is what ReadCheckpointModel reads.
bool IsCheckpointModel(const std::string& path);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_META_GRAPH_SOURCE_H_
