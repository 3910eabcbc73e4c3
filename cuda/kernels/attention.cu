// Attention by online softmax (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; as used by
// FlashAttention). Covered by tests/cuda/kernels/attention_test.cc.
//
// A warp owns kRowsPerWarp queries; keys are taken 32 at a time, one a lane. The block shares a piece of the queries
// and of the keys, 32 deep, in shared memory; scores stay in registers, and lanes own columns of the result.
#include <cmath>
#include <limits>

#include "cuda/kernels/attention.h"
#include "cuda/kernels/device_code.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerWarp = kAttentionRows / (kAttentionThreads / kWarp);
constexpr int kColumnsPerLane = kAttentionColumns / kWarp;
constexpr int kPiece = 32;  // of the depth

__device__ inline int64_t OffsetOf(const AttentionParams& p, const AttentionOperand& operand, int64_t matrix) {
  int64_t offset = 0;
  for (int axis = p.batch_axes - 1; axis >= 0; --axis) {
    offset += matrix % p.sizes[axis] * operand.batch[axis];
    matrix /= p.sizes[axis];
  }
  return offset;
}

template <typename C>
__device__ inline C WarpMax(C x) {
  for (int i = kWarp / 2; i > 0; i /= 2) {
    const C other = __shfl_xor_sync(~0u, x, i);
    x = other > x ? other : x;
  }
  return x;
}

template <typename C>
__device__ inline C WarpSum(C x) {
  for (int i = kWarp / 2; i > 0; i /= 2) x += __shfl_xor_sync(~0u, x, i);
  return x;
}

// What is known of a query so far: the greatest score, the sum of exponentials relative to it, and the weighted sum of
// the values in this lane's columns.
template <typename C>
struct RowState {
  C max, sum;
  C values[kColumnsPerLane];
};

// Takes in a row's 32 scores, this lane's being `score` (-inf where there is no such key). This lane's weight.
template <typename C>
__device__ inline C AddScores(C score, RowState<C>* state) {
  const C infinity = std::numeric_limits<C>::infinity();
  const C most = WarpMax(score);
  const C max = most > state->max ? most : state->max;
  // Before the first finite score there is nothing to rescale, and -inf - -inf would be NaN.
  const C rescale = state->max == -infinity ? C(0) : std::exp(state->max - max);
  const C weight = score == -infinity ? C(0) : std::exp(score - max);
  state->sum = state->sum * rescale + WarpSum(weight);
  state->max = max;
  for (int i = 0; i < kColumnsPerLane; ++i) state->values[i] *= rescale;
  return weight;
}

// Adds the values of 32 keys, weighted: each is read once for all rows.
template <typename T, typename C>
__device__ inline void AddValues(const AttentionParams& p, const T* v, int64_t key0, int64_t column0,
                                 const C (&weights)[kRowsPerWarp], RowState<C> (&states)[kRowsPerWarp]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int keys = p.n - key0 < kWarp ? static_cast<int>(p.n - key0) : kWarp;
  for (int j = 0; j < keys; ++j) {
    C values[kColumnsPerLane] = {};
    for (int i = 0; i < kColumnsPerLane; ++i) {
      const int64_t column = column0 + lane + i * kWarp;
      if (column < p.e) values[i] = Load(v[(key0 + j) * p.v.row + column * p.v.column]);
    }
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const C weight = __shfl_sync(~0u, weights[r], j);
      for (int i = 0; i < kColumnsPerLane; ++i) states[r].values[i] += weight * values[i];
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kAttentionThreads)
    AttentionKernel(const void* q_data, const void* k_data, const void* v_data, const void* mask_data, void* y,
                    AttentionParams p) {
  using C = ComputeType<T>;
  __shared__ C queries[kAttentionRows][kPiece];
  __shared__ C keys[kWarp][kPiece + 1];
  const int t = static_cast<int>(threadIdx.x), lane = t % kWarp, row0 = t / kWarp * kRowsPerWarp;
  const int64_t row_blocks = (p.m + kAttentionRows - 1) / kAttentionRows;
  const int64_t column_blocks = (p.e + kAttentionColumns - 1) / kAttentionColumns;
  const int64_t blocks = p.batch * row_blocks * column_blocks;
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const int64_t column0 = block % column_blocks * kAttentionColumns;
    const int64_t first_row = block / column_blocks % row_blocks * kAttentionRows;
    const int64_t matrix = block / column_blocks / row_blocks;
    const T* q = static_cast<const T*>(q_data) + OffsetOf(p, p.q, matrix);
    const T* k = static_cast<const T*>(k_data) + OffsetOf(p, p.k, matrix);
    const T* v = static_cast<const T*>(v_data) + OffsetOf(p, p.v, matrix);
    const T* mask = mask_data == nullptr ? nullptr : static_cast<const T*>(mask_data) + OffsetOf(p, p.mask, matrix);
    RowState<C> states[kRowsPerWarp];
    for (int r = 0; r < kRowsPerWarp; ++r) {
      states[r].max = -std::numeric_limits<C>::infinity();
      states[r].sum = 0;
      for (int i = 0; i < kColumnsPerLane; ++i) states[r].values[i] = 0;
    }
    for (int64_t key0 = 0; key0 < p.n; key0 += kWarp) {
      C scores[kRowsPerWarp] = {};
      for (int64_t d0 = 0; d0 < p.d; d0 += kPiece) {
        for (int i = t; i < kAttentionRows * kPiece; i += kAttentionThreads) {
          const int64_t row = first_row + i / kPiece, depth = d0 + i % kPiece;
          const bool inside = row < p.m && depth < p.d;
          queries[i / kPiece][i % kPiece] = inside ? Load(q[row * p.q.row + depth * p.q.column]) : C(0);
        }
        for (int i = t; i < kWarp * kPiece; i += kAttentionThreads) {
          const int64_t key = key0 + i / kPiece, depth = d0 + i % kPiece;
          const bool inside = key < p.n && depth < p.d;
          keys[i / kPiece][i % kPiece] = inside ? Load(k[key * p.k.row + depth * p.k.column]) : C(0);
        }
        __syncthreads();
        for (int depth = 0; depth < kPiece; ++depth) {
          const C key = keys[lane][depth];
          for (int r = 0; r < kRowsPerWarp; ++r) scores[r] += queries[row0 + r][depth] * key;
        }
        __syncthreads();
      }
      C weights[kRowsPerWarp];
      for (int r = 0; r < kRowsPerWarp; ++r) {
        const int64_t row = first_row + row0 + r, key = key0 + lane;
        C score = -std::numeric_limits<C>::infinity();
        if (row < p.m && key < p.n) {
          score = scores[r] * static_cast<C>(p.scale);
          if (mask != nullptr) score += Load(mask[row * p.mask.row + key * p.mask.column]);
        }
        weights[r] = AddScores(score, &states[r]);
      }
      AddValues(p, v, key0, column0, weights, states);
    }
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int64_t row = first_row + row0 + r;
      if (row >= p.m) continue;
      for (int i = 0; i < kColumnsPerLane; ++i) {
        const int64_t column = column0 + lane + i * kWarp;
        if (column < p.e) {
          static_cast<T*>(y)[(matrix * p.m + row) * p.e + column] = Store<T>(states[r].values[i] / states[r].sum);
        }
      }
    }
  }
}

}  // namespace

DeviceFunction<const void*, const void*, const void*, const void*, void*, AttentionParams> AttentionFunction(
    DType type) {
  switch (type) {
    case DType::kFloat32:
      return CooperativeKernel("attention f32", AttentionKernel<float>);
    case DType::kFloat64:
      return CooperativeKernel("attention f64", AttentionKernel<double>);
    case DType::kFloat16:
      return CooperativeKernel("attention f16", AttentionKernel<Float16Bits>);
    case DType::kBFloat16:
      return CooperativeKernel("attention bf16", AttentionKernel<BFloat16Bits>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
