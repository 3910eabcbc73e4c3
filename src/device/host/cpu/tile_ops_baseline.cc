// The loops of tile_ops.h for x86-64.
#include <cstdint>

#include "device/host/cpu/tile_ops.h"

#define MOULIN_TILE_NAMESPACE baseline
#include "device/host/cpu/tile_ops_inl.h"

namespace moulin::cpu {

const TileOps& BaselineTileOps() {
  static constexpr TileOps kOps = baseline::MakeTileOps("x86-64");
  return kOps;
}

}  // namespace moulin::cpu
