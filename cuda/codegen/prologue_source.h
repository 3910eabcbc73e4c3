// Reductions and normalisations of expressions as CUDA C++: what a prologue computes is never written to memory.
#ifndef MOULIN_CUDA_CODEGEN_PROLOGUE_SOURCE_H_
#define MOULIN_CUDA_CODEGEN_PROLOGUE_SOURCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cuda/codegen/kernel_compiler.h"
#include "cuda/codegen/map_source.h"
#include "cuda/kernels/fold_params.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

enum class PrologueReader {
  kSoftmax,      // SoftmaxOfRows
  kLayerNorm,    // LayerNormOfRows
  kFoldRows,     // FoldRowsOf
  kFoldColumns,  // FoldColumnsOf
};

struct PrologueProblem {
  MapProblem map;  // the expression and its inputs, broadcast to what is reduced or normalised
  PrologueReader reader = PrologueReader::kSoftmax;
  int64_t row_size = 0;               // elements next to each other that belong together; not for columns
  int words = 1;                      // in registers of a thread; softmax and layer norm
  DType parameter = DType::kInvalid;  // the type of scale and offset; layer norm
  FoldOp op = FoldOp::kSum;           // reductions
};

// A kernel
//   extern "C" __global__ void moulin_<reader>_<hash>(const void* x0, ..., [const void* scale, const void* offset,]
//                                                     void* y, RowParams or FoldParams)
// launched as that which reads a tensor (kernels/normalize.h, kernels/reduce.h), y having the expression's type.
struct PrologueSource {
  KernelText source;
  std::vector<int> inputs;  // of the expression: x0, x1...
};

// Elements that a thread reads at a time: a word of kernels/row_params.h.
int PrologueElementsAWord(const PrologueProblem& problem);

// Nothing where a type is not covered: results are floating, and inputs as of MakeMapSource.
std::optional<PrologueSource> MakePrologueSource(const PrologueProblem& problem);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_PROLOGUE_SOURCE_H_
