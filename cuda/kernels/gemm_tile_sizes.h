// The sizes of the tiled product (gemm_tile.h), for those who launch it.
#ifndef MOULIN_CUDA_KERNELS_GEMM_TILE_SIZES_H_
#define MOULIN_CUDA_KERNELS_GEMM_TILE_SIZES_H_

#include <cstdint>

#include "kernels/hd.h"

namespace moulin::cuda {

// 256 threads make a tile of 64 x 64 elements, 4 x 4 each, 16 terms of the sums at a time.
inline constexpr int kGemmTile = 64;
inline constexpr int kGemmDepth = 16;
inline constexpr int kGemmThreads = 256;
inline constexpr int kGemmPerThread = 4;

struct GemmSizes {
  int64_t batch;  // products of their own: matrices of the batch, or groups
  int64_t m, n, k;

  MOULIN_HD int64_t num_tiles() const {
    return batch * ((m + kGemmTile - 1) / kGemmTile) * ((n + kGemmTile - 1) / kGemmTile);
  }
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_GEMM_TILE_SIZES_H_
