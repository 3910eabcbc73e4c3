// From a file to the graphs of its models.
#ifndef MOULIN_ENGINE_MODEL_SOURCE_H_
#define MOULIN_ENGINE_MODEL_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "engine/bundle_examples.h"
#include "import/import.h"
#include "ir/graph.h"
#include "moulin/model.h"

namespace moulin::internal {

// A model read and imported, not optimised.
struct SourceModel {
  std::string name;
  std::shared_ptr<Graph> graph;
  BundleOrigin origin;
};

// Reads what `path` names: a GraphDef file, a SavedModel directory, a checkpoint with its .meta graph, or one model of
// a bundle ("B.moulin:NAME" or "B.moulin:NAME:SIGNATURE"; "B.moulin" where it holds one only). Of `options` it reads
// name, inputs, outputs, signature, tags and checkpoint. Errors as of Engine::Load.
StatusOr<SourceModel> ReadModel(const std::string& path, const ModelOptions& options, const Limits& limits);

// Every signature of every model of a bundle, in the order of the file, or of the model that `path` names. A model's
// default signature goes by the model's name, others by "NAME:SIGNATURE".
StatusOr<std::vector<SourceModel>> ReadBundle(const std::string& path, const Limits& limits);

// Tensors as a caller names them; one without a name of its own goes by the tensor's.
std::vector<NamedTensorRef> Refs(const std::vector<TensorName>& names);

// The default name of a model: the last part of its path, without extension.
std::string DefaultModelName(const std::string& path);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_MODEL_SOURCE_H_
