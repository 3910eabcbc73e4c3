// What there is in a SavedModel, in the words of TensorFlow's saved_model_cli.
#ifndef MOULIN_CLI_SAVED_MODEL_LISTING_H_
#define MOULIN_CLI_SAVED_MODEL_LISTING_H_

#include <string>

#include "proto/saved_model.pb.h"

namespace moulin::cli {

// What `saved_model_cli show --all` prints, byte for byte, where the following is compared as sets, because
// saved_model_cli takes it from hash tables: the ops of a graph, the keys of a dictionary, named arguments.
std::string SavedModelListing(const tf::SavedModel& model);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_SAVED_MODEL_LISTING_H_
