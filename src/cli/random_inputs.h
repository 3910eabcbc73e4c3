// Inputs drawn at random for a model that comes without any.
#ifndef MOULIN_CLI_RANDOM_INPUTS_H_
#define MOULIN_CLI_RANDOM_INPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin::cli {

struct RandomOptions {
  int64_t batch = 1;                // the size of a first axis that the model leaves open
  std::vector<std::string> shapes;  // "name=1,224,224,3": for what else is open
  uint64_t seed = 1;
};

// Floats in [0, 1), integers in [0, 8) (valid as indices into most tables), bytes in [0, 256), bools, and short words.
// Other axes that the model leaves open get 224 in tensors of rank 4 and above, else 128. The same options give the
// same inputs. E_SHAPE where the rank is open and no option gives the shape, E_OPTION for a malformed or unknown shape.
StatusOr<NamedTensors> RandomInputs(const std::vector<TensorInfo>& infos, const RandomOptions& options);

// The shapes that RandomInputs would give.
StatusOr<std::vector<InputShape>> ConcreteShapes(const std::vector<TensorInfo>& infos, const RandomOptions& options);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_RANDOM_INPUTS_H_
