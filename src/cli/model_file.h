// What a model file is, read without loading it: for showing and bundling.
#ifndef MOULIN_CLI_MODEL_FILE_H_
#define MOULIN_CLI_MODEL_FILE_H_

#include <string>
#include <vector>

#include "import/import.h"
#include "moulin/model.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin::cli {

struct ModelFile {
  tf::GraphDef graph;  // of a bundle's model, the large constants lie apart
};

// Reads a GraphDef file, a .meta file, the graph of a SavedModel directory, or one model of a bundle
// (BUNDLE.moulin:NAME).
StatusOr<ModelFile> ReadModelFile(const std::string& path);

// The names of the models in a bundle file.
StatusOr<std::vector<std::string>> BundleModelNames(const std::string& path);

// Whether `path` names a whole bundle rather than one model.
bool IsWholeBundle(const std::string& path);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_MODEL_FILE_H_
