// Signatures of a SavedModel: which tensors are fed and fetched, and under which keys.
#ifndef MOULIN_ENGINE_SIGNATURE_H_
#define MOULIN_ENGINE_SIGNATURE_H_

#include <string>
#include <vector>

#include "import/import.h"
#include "ir/graph.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

struct Signature {
  std::string key;
  std::vector<NamedTensorRef> inputs;   // by rising key
  std::vector<NamedTensorRef> outputs;  // by rising key
};

// The keys of all signatures but those that TensorFlow adds for itself, in rising order.
std::vector<std::string> SignatureKeys(const tf::MetaGraphDef& meta_graph);

// The signature called `key`; for "", "serving_default" or else the only one (those that TensorFlow adds for itself,
// "__saved_model...", do not count). E_NAME, listing those there are, where there is no such one; E_UNSUPPORTED where a
// tensor of it is sparse or composite.
// E_OUTPUT, with the closest names, where the graph lacks a tensor of it.
StatusOr<Signature> FindSignature(const tf::MetaGraphDef& meta_graph, const std::string& key);

// E_DTYPE, E_SHAPE where the signature declares other types or shapes than the graph has that was imported for it.
Status CheckDeclared(const tf::SignatureDef& declared, const std::string& key, const Graph& graph);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_SIGNATURE_H_
