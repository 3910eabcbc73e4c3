// The values of a graph's variables, from a checkpoint.
#ifndef MOULIN_ENGINE_VARIABLE_SOURCE_H_
#define MOULIN_ENGINE_VARIABLE_SOURCE_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/limits.h"
#include "formats/checkpoint.h"
#include "formats/variable_keys.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// Finds a variable by the objects of a SavedModel, by the ops that restore it, and else by its shared name or its
// node's name. Not thread-safe.
class VariableSource {
 public:
  // Errors as of Checkpoint::OpenPrefix.
  static StatusOr<VariableSource> Open(const std::string& prefix, const tf::MetaGraphDef& meta_graph,
                                       const Limits& limits);

  // The value of the variable that `node` (VarHandleOp, VariableV2 and their kin) declares. The same value twice is one
  // tensor. E_NAME where the checkpoint has none, E_DTYPE and E_SHAPE where it has another than declared, and the
  // errors of TensorBundle::Read.
  StatusOr<Tensor> Read(const tf::NodeDef& node);

 private:
  VariableSource(Checkpoint checkpoint, const tf::MetaGraphDef& meta_graph);
  StatusOr<VariableKey> Find(const tf::NodeDef& node) const;

  Checkpoint checkpoint_;
  VariableKeys by_objects_;
  VariableKeys by_restore_ops_;
  absl::flat_hash_map<std::string, Tensor> read_;  // by key and slice
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_VARIABLE_SOURCE_H_
