// The names of nodes and tensors: "node:port", "^node", and in functions "node:output:index".
#ifndef MOULIN_IMPORT_TENSOR_NAMES_H_
#define MOULIN_IMPORT_TENSOR_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"

namespace moulin {

// Parts of a reference; views into the text it was parsed from.
struct TensorReference {
  absl::string_view node;
  absl::string_view output;  // in functions: the name of the output argument; else empty
  int port = 0;              // in functions with `output`: the number of the tensor within that argument
};

inline bool IsControl(absl::string_view input) { return !input.empty() && input[0] == '^'; }

// "node" or "node:port". E_INPUT where the node's name is empty, E_PORT where the port is no number from 0 to 2^31-1.
StatusOr<TensorReference> ParseTensorName(absl::string_view text);

// As in the body of a function: "argument", "argument:index", "node:output", "node:output:index".
StatusOr<TensorReference> ParseBodyTensorName(absl::string_view text);

// E_NAME where `name` is no node name of TensorFlow (letters, digits and _ . \ / > -), has a component "..", or is
// longer than the limit.
Status CheckNodeName(absl::string_view name, const Limits& limits);

// Up to `count` of `candidates` that look like `name`, the closest first, as `did you mean "a", "b"?`; else empty.
std::string DidYouMean(absl::string_view name, const std::vector<absl::string_view>& candidates, int count = 3);

}  // namespace moulin

#endif  // MOULIN_IMPORT_TENSOR_NAMES_H_
