// The inputs that a user gives in an .npz file.
#ifndef MOULIN_CLI_INPUT_FILE_H_
#define MOULIN_CLI_INPUT_FILE_H_

#include <string>
#include <vector>

#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin::cli {

// Reads `path` for a model with these inputs: bfloat16 and quantised inputs are taken from the integers that hold
// their bits. The model checks everything else.
StatusOr<NamedTensors> ReadInputFile(const std::string& path, const std::vector<TensorInfo>& infos);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_INPUT_FILE_H_
