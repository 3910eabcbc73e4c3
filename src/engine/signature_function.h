// A signature as a function of the graph's library, the form in which TensorFlow 2 loads it.
#ifndef MOULIN_ENGINE_SIGNATURE_FUNCTION_H_
#define MOULIN_ENGINE_SIGNATURE_FUNCTION_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/limits.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

struct SignatureFunction {
  tf::FunctionDef function;       // its arguments: the inputs and then what it captures; its results: the outputs
  std::vector<int> bound_inputs;  // the objects that it captures
};

// By the names of nodes that stand for a variable, a table or an asset: the number of its object.
using ObjectOfNode = absl::flat_hash_map<std::string, int>;

// The nodes of `graph` between the inputs and outputs of `signature`, inputs and outputs in the order of their keys.
//
// E_UNSUPPORTED, naming the node, where that is no function: a placeholder that the signature does not feed, a variable
// or table that is no object's, an op whose outputs have no known names, a tensor that is sparse or composite.
StatusOr<SignatureFunction> MakeSignatureFunction(const tf::GraphDef& graph, const tf::SignatureDef& signature,
                                                  const ObjectOfNode& objects, const std::string& name,
                                                  const Limits& limits);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_SIGNATURE_FUNCTION_H_
