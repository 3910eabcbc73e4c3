// What reductions are told.
#ifndef MOULIN_CUDA_KERNELS_FOLD_PARAMS_H_
#define MOULIN_CUDA_KERNELS_FOLD_PARAMS_H_

#include <cstdint>

#include "kernels/index_map.h"

namespace moulin::cuda {

enum class FoldOp : uint8_t { kSum, kProd, kMax, kMin, kArgMax, kArgMin };

// What is folded into a result: elements that follow each other, elements at equal distances that neighbours are the
// first of, or what maps say.
enum class FoldWalk : uint8_t { kRows, kColumns, kStrided };

// Results are numbered [0, outputs), and what is folded into each [0, size). Where the reduced axes are not next to
// each other, `kept` and `reduced` say where in x: element r of result o is x[kept(o) + reduced(r)].
//
// Every result may be split into parts of `chunk` of its elements, which different blocks fold; each leaves an
// accumulator for FoldParts to combine.
struct FoldParams {
  FoldOp op = FoldOp::kSum;
  int64_t outputs = 0;
  int64_t size = 0;
  int64_t inner = 1;  // of columns: x is [outputs / inner, size, inner]
  int64_t chunk = 0;
  int64_t parts = 1;    // of each result
  int threads = 32;     // that fold one part, of rows and strided reductions: a power of two
  int64_t divisor = 1;  // of a mean: what the sum is divided by
  bool is_mean = false;
  bool is_truth = false;  // bytes are bools: the minimum of none is 1
  int index_bytes = 8;    // of an arg reduction's results
  StridedMap kept, reduced;
};

// Threads of a block of columns at most; columns * strips.
inline constexpr int kMaxColumnThreads = 512;

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_FOLD_PARAMS_H_
