// Reductions and arg reductions.
#ifndef MOULIN_CUDA_KERNELS_REDUCE_H_
#define MOULIN_CUDA_KERNELS_REDUCE_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "kernels/index_map.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

enum class FoldOp : uint8_t { kSum, kProd, kMax, kMin, kArgMax, kArgMin };

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

// (x, y, params). With params.parts > 1, y takes accumulators: [outputs, parts].
using FoldFunction = DeviceFunction<const void*, void*, FoldParams>;

struct FoldFunctions {
  FoldFunction rows;     // x is [outputs, size]; blocks of `threads`, or several groups of them; grid (groups, parts)
  FoldFunction strided;  // by the maps; as rows
  FoldFunction columns;  // blocks of (columns, strips): a column is folded by a thread of each strip; grid (tiles of
                         // columns in all outers, parts)
  FoldFunction parts;    // x is [outputs, parts] accumulators: a warp a result
  int accumulator_bytes = 0;
};

// Floats accumulate in float (products in double), doubles in double, integers in 64 bits. None (rows is null) for
// types that are not covered. bool folds as bytes: any is kMax, all is kMin.
FoldFunctions FoldFunctionsFor(DType type, FoldOp op);

// Threads of a block of columns at most; columns * strips.
inline constexpr int kMaxColumnThreads = 512;
inline constexpr int kWarpThreads = 32;

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_REDUCE_H_
