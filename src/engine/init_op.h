// What TensorFlow runs once when it loads a SavedModel.
#ifndef MOULIN_ENGINE_INIT_OP_H_
#define MOULIN_ENGINE_INIT_OP_H_

#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// Moulin runs no initialiser: variables come from the checkpoint, and lookup tables read what the graph fills them with
// (import/lookup_tables.cc). What the graph names as its initialiser must be there all the same: the output
// "__saved_model_init_op" of the signature of that name, or else the one entry of the collection "saved_model_main_op"
// or "legacy_init_op". E_OUTPUT where it is not.
Status CheckInitOp(const tf::MetaGraphDef& meta_graph);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_INIT_OP_H_
