// The loops of tile_ops.h for AVX-512.
#include <cstdint>

#include "device/host/cpu/tile_ops.h"

#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define MOULIN_TILE_NAMESPACE avx512
#include "device/host/cpu/tile_ops_inl.h"

namespace moulin::cpu {

const TileOps& Avx512TileOps() {
  static constexpr TileOps kOps = avx512::MakeTileOps("AVX-512");
  return kOps;
}

}  // namespace moulin::cpu
