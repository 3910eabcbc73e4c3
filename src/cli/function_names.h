// The names that TensorFlow gives the functions of a SavedModel when it loads them: they decide in which order
// saved_model_cli lists the traces of a function.
#ifndef MOULIN_CLI_FUNCTION_NAMES_H_
#define MOULIN_CLI_FUNCTION_NAMES_H_

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "proto/graph.pb.h"

namespace moulin::cli {

// By the name in the file, the name after loading in a fresh process. Nothing where TensorFlow refuses the library:
// functions that call each other in a circle, or one that is missing.
//
// A loaded function is called "__inference_NAME_NUMBER"; the numbers count every tensor and every function that the
// process has made, so that the order of loading and the size of each function matter. Functions are loaded after
// those that they refer to.
std::optional<absl::flat_hash_map<std::string, std::string>> LoadedFunctionNames(const tf::FunctionDefLibrary& library);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_FUNCTION_NAMES_H_
