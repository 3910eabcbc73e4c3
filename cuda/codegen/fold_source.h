// Reductions of expressions as CUDA C++: what the expression computes is never written to memory.
#ifndef MOULIN_CUDA_CODEGEN_FOLD_SOURCE_H_
#define MOULIN_CUDA_CODEGEN_FOLD_SOURCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cuda/codegen/kernel_compiler.h"
#include "cuda/codegen/map_source.h"
#include "cuda/kernels/fold_params.h"

namespace moulin::cuda {

struct FoldProblem {
  MapProblem map;  // the expression and its inputs, broadcast to `output`, which is reduced
  FoldWalk walk = FoldWalk::kRows;
  int64_t row_size = 1;  // of kRows: elements that are folded into a result
  FoldOp op = FoldOp::kSum;
};

// A kernel
//   extern "C" __global__ void moulin_fold_<hash>(const void* x0, ..., void* y, FoldParams)
// launched as the kernel of kernels/reduce.h that walks the same way, in blocks of kFoldThreads.
struct FoldSource {
  KernelText source;
  std::vector<int> inputs;     // of the expression: x0, x1...
  int elements_at_a_time = 1;  // that a thread reads
};

inline constexpr int kFoldThreads = 256;

// Nothing where a type is not covered (MakeMapSource). Elements are rounded to the expression's type before they are
// folded, as those of a tensor are.
std::optional<FoldSource> MakeFoldSource(const FoldProblem& problem);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_FOLD_SOURCE_H_
