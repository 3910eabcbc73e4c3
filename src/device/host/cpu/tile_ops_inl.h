// The loops of tile_ops.h. Included by one file an instruction set, which sets the compiler's target first and defines
// MOULIN_TILE_NAMESPACE; everything lies in an unnamed namespace, so that no copy compiled for a newer processor can be
// picked by the linker for an older one. Standard headers are included before the target is set.

// Each part uses those before it.
// clang-format off
#include "device/host/cpu/tile_math_inl.h"
#include "device/host/cpu/tile_elementwise_inl.h"
#include "device/host/cpu/tile_rows_inl.h"
// clang-format on

namespace moulin::cpu::MOULIN_TILE_NAMESPACE {
namespace {

constexpr TileOps MakeTileOps(const char* isa) {
  TileOps ops{};
  ops.isa = isa;
  ops.find = Find;
  ops.find_cast = FindCast;
  ops.round_to_half = Loop1<float, float, RoundToHalf>;
  ops.round_to_bfloat16 = Loop1<float, float, RoundToBFloat16>;
  ops.saturate_to_int8 = Loop1<float, int8_t, SaturateToInt8>;
  ops.square = Loop1<float, float, Square>;
  ops.cube = Loop1<float, float, Cube>;
  ops.row_max = RowMax;
  ops.row_min = RowMin;
  ops.row_sum = RowSum;
  ops.row_prod = RowProd;
  ops.row_sum_squared_differences = RowSumSquaredDifferences;
  ops.row_exp_sum = RowExpSum;
  ops.row_scale = RowScale;
  ops.row_subtract = RowSubtract;
  ops.row_normalize = RowNormalize;
  ops.accumulate_sum = Accumulate<Add<float>>;
  ops.accumulate_prod = Accumulate<Mul<float>>;
  ops.accumulate_max = Accumulate<Max<float>>;
  ops.accumulate_min = Accumulate<Min<float>>;
  ops.row_bilinear = RowBilinear;
  ops.small_matmul = SmallMatMul;
  ops.transpose = Transpose;
  return ops;
}

}  // namespace
}  // namespace moulin::cpu::MOULIN_TILE_NAMESPACE
