// Which tensor of a checkpoint is the value of which variable of a graph.
#ifndef MOULIN_FORMATS_VARIABLE_KEYS_H_
#define MOULIN_FORMATS_VARIABLE_KEYS_H_

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "formats/checkpoint.h"
#include "formats/tensor_slice.h"
#include "proto/saved_model.pb.h"

namespace moulin {

struct VariableKey {
  std::string key;
  std::optional<TensorSlice> slice;  // of a part of a partitioned variable
};
using VariableKeys = absl::flat_hash_map<std::string, VariableKey>;  // by the variable's node

// By the ops that restore the graph (RestoreV2, then Assign or AssignVariableOp, in the graph or in a function that it
// calls), first those of the graph's own saver: this is how TensorFlow 1's loader fills the variables.
VariableKeys KeysByRestoreOps(const tf::MetaGraphDef& meta_graph);

// By the objects of a SavedModel of TensorFlow 2: a call's captured inputs are listed as objects, and the checkpoint's
// graph of objects has the same children by name. Keras saves variables that no restore op fills.
VariableKeys KeysByObjects(const tf::MetaGraphDef& meta_graph, const tf::TrackableObjectGraph& objects);

// The objects, by their numbers, that nodes of the graph stand for as far as calls capture them: variables, tables and
// assets, but no constants.
absl::flat_hash_map<std::string, int> ObjectsOfNodes(const tf::MetaGraphDef& meta_graph);

}  // namespace moulin

#endif  // MOULIN_FORMATS_VARIABLE_KEYS_H_
