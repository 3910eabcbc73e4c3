// Expressions made ready for the interpreter (kernels/map_interpreter.h).
#ifndef MOULIN_CUDA_MAP_TAPE_H_
#define MOULIN_CUDA_MAP_TAPE_H_

#include <optional>
#include <vector>

#include "cuda/codegen/map_source.h"
#include "cuda/kernels/map_interpreter.h"

namespace moulin::cuda {

struct PreparedTape {
  MapTape tape;
  std::vector<int> inputs;  // of the expression, in the tape's order
};

// Nothing where the expression is not covered (MakeMapSource says when), is too long, or has too many inputs.
std::optional<PreparedTape> MakeMapTape(const MapProblem& problem);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_MAP_TAPE_H_
