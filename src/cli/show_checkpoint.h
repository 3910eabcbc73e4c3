// moulin show CHECKPOINT: the variables in it.
#ifndef MOULIN_CLI_SHOW_CHECKPOINT_H_
#define MOULIN_CLI_SHOW_CHECKPOINT_H_

#include <string>

#include "moulin/status.h"

namespace moulin::cli {

// Prints names, types and shapes, as text or JSON. Returns the exit status.
StatusOr<int> ShowCheckpoint(const std::string& path, bool as_json);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_SHOW_CHECKPOINT_H_
