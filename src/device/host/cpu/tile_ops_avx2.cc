// The loops of tile_ops.h for AVX2.
#include <cstdint>

#include "device/host/cpu/tile_ops.h"

#pragma GCC target("avx2,fma,f16c")
#define MOULIN_TILE_NAMESPACE avx2
#include "device/host/cpu/tile_ops_inl.h"

namespace moulin::cpu {

const TileOps& Avx2TileOps() {
  static constexpr TileOps kOps = avx2::MakeTileOps("AVX2");
  return kOps;
}

}  // namespace moulin::cpu
