// Files that come with a SavedModel, such as vocabularies.
#ifndef MOULIN_ENGINE_ASSETS_H_
#define MOULIN_ENGINE_ASSETS_H_

#include <functional>
#include <string>

#include "base/limits.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// TensorFlow feeds the paths of assets to the constants that `meta_graph` lists for them when it loads a SavedModel.
// Here the constants become the assets' names, and the result reads such files from `folder`, and no others: E_NAME for
// a name that is not listed, E_FILE, E_LIMIT for more than limits.constant_bytes.
std::function<StatusOr<std::string>(const std::string& name)> AssetReader(const std::string& folder,
                                                                          tf::MetaGraphDef* meta_graph,
                                                                          const Limits& limits);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_ASSETS_H_
