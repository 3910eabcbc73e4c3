// What `moulin bundle` puts into a bundle for one model.
#ifndef MOULIN_CLI_BUNDLE_SOURCE_H_
#define MOULIN_CLI_BUNDLE_SOURCE_H_

#include <map>
#include <string>
#include <vector>

#include "engine/bundle_contents.h"
#include "moulin/engine.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin::cli {

// How a source is read, where that is not said by the source itself.
struct SourceOptions {
  std::vector<std::string> signatures;  // of a SavedModel or .meta; empty: all
  std::vector<std::string> outputs;     // tensors, in place of signatures
  std::string checkpoint;               // of a GraphDef or .meta with variables
};

struct BundleSource {
  tf::GraphDef graph;  // without variables
  std::vector<internal::BundleSignature> signatures;
  std::map<std::string, std::string> files;
};

// Reads a GraphDef, a SavedModel directory, or a .meta with its checkpoint; variables become constants. All signatures
// are of one graph, so that they have their weights in common. Errors as of internal::Freeze.
StatusOr<BundleSource> ReadBundleSource(const std::string& path, const SourceOptions& options);

// Loads one signature of a source.
StatusOr<std::shared_ptr<Model>> LoadSource(Engine& engine, const BundleSource& source,
                                            const internal::BundleSignature& signature, const std::string& name);

// Adds a golden to a signature, whose model gives the outputs where `outputs_path` is "". Errors name the file.
Status AddGolden(Model& model, const std::string& inputs_path, const std::string& outputs_path,
                 const internal::Tolerance& tolerance, internal::BundleSignature* signature, BundleSource* source);

// Adds warm-up inputs to a signature.
Status AddWarmUp(const Model& model, const std::string& inputs_path, internal::BundleSignature* signature,
                 BundleSource* source);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_BUNDLE_SOURCE_H_
