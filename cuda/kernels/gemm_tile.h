// A matrix product by tiles in shared memory, over any source of operands: products of strided matrices and, with
// windows as rows, convolutions (implicit GEMM). Device code.
#ifndef MOULIN_CUDA_KERNELS_GEMM_TILE_H_
#define MOULIN_CUDA_KERNELS_GEMM_TILE_H_

#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/fused_epilogue_device.h"
#include "cuda/kernels/gemm_tile_sizes.h"
#include "cuda/kernels/vector.h"
#include "kernels/element.h"

namespace moulin::cuda {

// Computes all tiles of the grid-stride loop. `Source` has
//   Row a_row(batch, row)   what is to be known of a row of a (called for rows in range)
//   Column b_column(batch, column)
//   T a(Row, k), T b(Column, k)
//   int64_t y(batch, row, column), bias(batch, column)   offsets in the result and in the bias
//   bool a_is_row_major(), b_is_row_major()   along which axis neighbouring threads are to load
// Accumulation is in k's order, one term after the other, so the result does not depend on the grid. The result's type
// is that of the operands, or another in which their sums fit (int32 for int8).
template <typename T, typename Source, typename R>
__device__ inline void ComputeGemmTiles(const Source& source, const GemmSizes& s, const FusedEpilogue& epilogue, R* y) {
  using C = SumType<T>;
  using Quad = Vector<C, kGemmPerThread>;  // read by one access
  __shared__ Quad a_tile[kGemmDepth][kGemmTile / kGemmPerThread + 1];
  __shared__ Quad b_tile[kGemmDepth][kGemmTile / kGemmPerThread + 1];
  constexpr int kLoads = kGemmTile * kGemmDepth / kGemmThreads;
  const int t = static_cast<int>(threadIdx.x);
  const int64_t row_tiles = (s.m + kGemmTile - 1) / kGemmTile, column_tiles = (s.n + kGemmTile - 1) / kGemmTile;
  const int64_t tiles = s.num_tiles();
  // The elements that this thread loads: neighbours along k where the operand is contiguous there.
  int a_r[kLoads], a_k[kLoads], b_c[kLoads], b_k[kLoads];
  for (int i = 0; i < kLoads; ++i) {
    const int e = t + i * kGemmThreads;
    a_r[i] = source.a_is_row_major() ? e / kGemmDepth : e % kGemmTile;
    a_k[i] = source.a_is_row_major() ? e % kGemmDepth : e / kGemmTile;
    b_c[i] = source.b_is_row_major() ? e % kGemmTile : e / kGemmDepth;
    b_k[i] = source.b_is_row_major() ? e / kGemmTile : e % kGemmDepth;
  }
  const int ty = t / (kGemmTile / kGemmPerThread) * kGemmPerThread;
  const int tx = t % (kGemmTile / kGemmPerThread) * kGemmPerThread;

  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const int64_t column0 = tile % column_tiles * kGemmTile;
    const int64_t row0 = tile / column_tiles % row_tiles * kGemmTile;
    const int64_t batch = tile / column_tiles / row_tiles;
    typename Source::Row rows[kLoads];
    typename Source::Column columns[kLoads];
    for (int i = 0; i < kLoads; ++i) {
      if (row0 + a_r[i] < s.m) rows[i] = source.a_row(batch, row0 + a_r[i]);
      if (column0 + b_c[i] < s.n) columns[i] = source.b_column(batch, column0 + b_c[i]);
    }
    C sums[kGemmPerThread][kGemmPerThread] = {};
    for (int64_t k0 = 0; k0 < s.k; k0 += kGemmDepth) {
      for (int i = 0; i < kLoads; ++i) {
        const bool in_a = row0 + a_r[i] < s.m && k0 + a_k[i] < s.k;
        a_tile[a_k[i]][a_r[i] / kGemmPerThread].at[a_r[i] % kGemmPerThread] =
            in_a ? static_cast<C>(Load(source.a(rows[i], k0 + a_k[i]))) : C(0);
        const bool in_b = column0 + b_c[i] < s.n && k0 + b_k[i] < s.k;
        b_tile[b_k[i]][b_c[i] / kGemmPerThread].at[b_c[i] % kGemmPerThread] =
            in_b ? static_cast<C>(Load(source.b(columns[i], k0 + b_k[i]))) : C(0);
      }
      __syncthreads();
      for (int k = 0; k < kGemmDepth; ++k) {
        const Quad a = a_tile[k][ty / kGemmPerThread], b = b_tile[k][tx / kGemmPerThread];
        for (int i = 0; i < kGemmPerThread; ++i) {
          for (int j = 0; j < kGemmPerThread; ++j) sums[i][j] += a.at[i] * b.at[j];
        }
      }
      __syncthreads();
    }
    for (int i = 0; i < kGemmPerThread; ++i) {
      for (int j = 0; j < kGemmPerThread; ++j) {
        const int64_t row = row0 + ty + i, column = column0 + tx + j;
        if (row >= s.m || column >= s.n) continue;
        const int64_t at = source.y(batch, row, column);
        y[at] = Finish<R>(epilogue, sums[i][j], source.bias(batch, column), at);
      }
    }
  }
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_GEMM_TILE_H_
