// Vectorised loops over short runs of elements ("tiles"): what the CPU device's own kernels are made of.
//
// The loops are compiled three times, for AVX-512, for AVX2 with FMA and for any x86-64, and chosen once by what the
// processor has; nothing else in the program is compiled for a newer processor than the least.
#ifndef MOULIN_DEVICE_HOST_CPU_TILE_OPS_H_
#define MOULIN_DEVICE_HOST_CPU_TILE_OPS_H_

#include <cstdint>

#include "ir/expr.h"
#include "moulin/dtype.h"

namespace moulin::cpu {

// out[k] = f(args[0][k], args[1][k], args[2][k]) for k < n. `out` may be one of the operands.
using TileFn = void (*)(const void* const* args, void* out, int64_t n);

// A float matrix product of small sizes: y[m, n] = a[m, k] x b[k, n], rows `lda`, `ldb`, `ldy` elements apart.
using SmallMatMulFn = void (*)(const float* a, const float* b, float* y, int64_t m, int64_t n, int64_t k, int64_t lda,
                               int64_t ldb, int64_t ldy);

struct TileOps {
  const char* isa;  // "AVX-512", "AVX2", "x86-64"

  // The loop of an elementwise op over operands of `type` (float32, float64, int32, int64, bool; the second and third
  // operand for kSelect), or null where there is none. Integer division is left out: it may fail.
  TileFn (*find)(ExprOp op, DType type);
  // The loop that casts, or null. float16 and bfloat16 may be cast to float32 and back only.
  TileFn (*find_cast)(DType from, DType to);
  // float32 to float32, rounded to float16 or bfloat16 on the way.
  TileFn round_to_half;
  TileFn round_to_bfloat16;
  TileFn saturate_to_int8;  // float32 to int8, truncated: what is out of range becomes the nearest end, a NaN 0
  TileFn square;            // float32
  TileFn cube;              // float32

  // Float rows. Sums run over 16 interleaved partial sums, so their order depends on n alone.
  float (*row_max)(const float* x, int64_t n);  // -inf for n = 0; a NaN anywhere gives NaN
  float (*row_min)(const float* x, int64_t n);
  float (*row_sum)(const float* x, int64_t n);
  float (*row_prod)(const float* x, int64_t n);
  float (*row_sum_squared_differences)(const float* x, float mean, int64_t n);
  float (*row_exp_sum)(const float* x, float max, float* y, int64_t n);  // y = exp(x - max); returns the sum of y
  void (*row_scale)(const float* x, float factor, float* y, int64_t n);
  void (*row_subtract)(const float* x, float subtrahend, float* y, int64_t n);
  // y = (x - mean) * inverse_deviation * scale + offset
  void (*row_normalize)(const float* x, float mean, float inverse_deviation, const float* scale, const float* offset,
                        float* y, int64_t n);
  void (*accumulate_sum)(const float* x, float* y, int64_t n);  // y[k] += x[k]; the others likewise
  void (*accumulate_prod)(const float* x, float* y, int64_t n);
  void (*accumulate_max)(const float* x, float* y, int64_t n);
  void (*accumulate_min)(const float* x, float* y, int64_t n);
  // Between rows[0] and rows[1], and rows[2] and rows[3], by x_weight, then between the two by y_weight.
  void (*row_bilinear)(const float* const* rows, float x_weight, float y_weight, float* y, int64_t n);
  SmallMatMulFn small_matmul;
  // y[c * ldy + r] = x[r * ldx + c]
  void (*transpose)(const float* x, float* y, int64_t rows, int64_t columns, int64_t ldx, int64_t ldy);
};

// The best set of loops for this processor.
const TileOps& GetTileOps();

// Each set, for tests: null where the processor cannot run it. 0: x86-64, 1: AVX2, 2: AVX-512.
const TileOps* TileOpsForLevel(int level);

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_TILE_OPS_H_
