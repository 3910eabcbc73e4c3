// Elementwise expressions as CUDA C++.
#ifndef MOULIN_CUDA_CODEGEN_MAP_SOURCE_H_
#define MOULIN_CUDA_CODEGEN_MAP_SOURCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "cuda/codegen/kernel_compiler.h"
#include "ir/expr.h"
#include "moulin/shape.h"

namespace moulin::cuda {

// y = expr(inputs), element by element, the inputs broadcast to `output`.
struct MapProblem {
  const Expr& expr;
  absl::Span<const Shape> inputs;  // shapes, by input of the expression; those that it does not read do not matter
  Shape output;
};

// A kernel
//   extern "C" __global__ void moulin_map_<hash>(const void* x0, ..., void* y, long long n)
// for a one-dimensional grid of any size; n is the number of elements of the output. Texts are equal for problems that
// differ only in sizes that do not matter, so that maps without broadcasting share one kernel for all shapes.
struct MapSource {
  KernelText source;
  std::vector<int> inputs;        // of the expression: x0, x1...
  std::vector<bool> is_in_place;  // for each of them: element i is read by the thread that writes y[i], before it does
  int elements_a_thread = 1;      // a thread takes this many at a time
};

// Nothing where a type is not covered (strings, complex numbers) or an operation does not take its operands' type.
// Every instruction is rounded to its type as ops/map_eval.h says; integers divided by zero give 0.
std::optional<MapSource> MakeMapSource(const MapProblem& problem);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_MAP_SOURCE_H_
