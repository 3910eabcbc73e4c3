// Errors of the public API are absl::Status; no exception crosses it.
//
// Every message starts with a stable code ("E_SHAPE: ..."), says what was found and what was expected, and names
// the file and the graph node where there is one. The codes and what they mean are listed in docs/errors.md.
#ifndef MOULIN_STATUS_H_
#define MOULIN_STATUS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moulin {

using absl::Status;
using absl::StatusOr;

}  // namespace moulin

#endif  // MOULIN_STATUS_H_
