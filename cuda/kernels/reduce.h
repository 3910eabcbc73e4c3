// Reductions and arg reductions.
#ifndef MOULIN_CUDA_KERNELS_REDUCE_H_
#define MOULIN_CUDA_KERNELS_REDUCE_H_

#include <cstdint>

#include "cuda/kernels/fold_params.h"
#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

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

inline constexpr int kWarpThreads = 32;

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_REDUCE_H_
