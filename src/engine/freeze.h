// Graphs with variables, made into graphs of constants.
#ifndef MOULIN_ENGINE_FREEZE_H_
#define MOULIN_ENGINE_FREEZE_H_

#include <functional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/graph.pb.h"

namespace moulin::internal {

struct FreezeOptions {
  std::string signature;             // of a SavedModel; the default one where empty and no outputs are named
  std::vector<std::string> tags;     // of a SavedModel
  std::vector<std::string> outputs;  // tensors, "node:port" or "node"
  std::string checkpoint;            // of a GraphDef or .meta: any name of a checkpoint; "" for the .meta's own
};

// Reads a SavedModel directory, a .meta or a GraphDef and returns the nodes that its outputs need, with the variables
// among them as constants of the same names. Functions are kept: their arguments that were variables become values.
//
// Errors: E_OUTPUT (no outputs named, or one that the graph has not), E_UNSUPPORTED (an op that does other things with
// a variable than reading it; a hash table, whose content is not part of what the outputs need; both named), and the
// errors of reading the files.
StatusOr<tf::GraphDef> Freeze(const std::string& source, const FreezeOptions& options, const Limits& limits = {});

// The second half: `value` gives each variable its value.
StatusOr<tf::GraphDef> FreezeGraph(const tf::GraphDef& graph, const std::vector<std::string>& outputs,
                                   const std::function<StatusOr<Tensor>(const tf::NodeDef&)>& value);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_FREEZE_H_
