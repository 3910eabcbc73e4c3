// Arrays in NumPy's .npz files.
#ifndef MOULIN_NPZ_H_
#define MOULIN_NPZ_H_

#include <string>

#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin {

// Reads every array of an .npz file, in the order of the file. NumPy's fixed-width bytes and unicode become strings.
// NOT_FOUND (E_FILE), DATA_LOSS (E_PARSE, E_DATA) or INVALID_ARGUMENT for types that tensors cannot hold; errors name
// the file.
StatusOr<NamedTensors> LoadNpz(const std::string& path);

// Writes what numpy.load reads. bfloat16 is written as its bits (uint16), quantised types as their integers.
Status SaveNpz(const std::string& path, const NamedTensors& tensors);

}  // namespace moulin

#endif  // MOULIN_NPZ_H_
