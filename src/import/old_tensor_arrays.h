// The first two versions of TensorArrays, which TensorFlow 1.0 replaced: their flow began as a constant, where that of
// the third version begins with the array.
#ifndef MOULIN_IMPORT_OLD_TENSOR_ARRAYS_H_
#define MOULIN_IMPORT_OLD_TENSOR_ARRAYS_H_

#include "proto/graph.pb.h"

namespace moulin {

// Lets the flow of each such array begin with the array's node, as a second output, so that it can be made the list
// itself (import/tensor_list.cc). What does not have the form that TensorFlow gave it stays as it is.
void BeginFlowsWithArrays(tf::GraphDef* graph);

}  // namespace moulin

#endif  // MOULIN_IMPORT_OLD_TENSOR_ARRAYS_H_
