// What the emulator keeps of a kernel's parameters: launches that are put off copy the arguments.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_PARAMETER_H_
#define MOULIN_TESTS_CUDA_EMULATOR_PARAMETER_H_

#include <cstddef>

namespace moulin::emulator {

struct Parameter {
  size_t bytes;
  bool is_pointer;
};

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_PARAMETER_H_
