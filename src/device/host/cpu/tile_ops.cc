#include "device/host/cpu/tile_ops.h"

namespace moulin::cpu {

const TileOps& BaselineTileOps();
const TileOps& Avx2TileOps();
const TileOps& Avx512TileOps();

const TileOps* TileOpsForLevel(int level) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (level == 0) return &BaselineTileOps();
  if (level == 1) return avx2 ? &Avx2TileOps() : nullptr;
  return avx512 ? &Avx512TileOps() : nullptr;
}

const TileOps& GetTileOps() {
  static const TileOps& ops = []() -> const TileOps& {
    for (int level = 2; level > 0; --level) {
      if (const TileOps* found = TileOpsForLevel(level)) return *found;
    }
    return BaselineTileOps();
  }();
  return ops;
}

}  // namespace moulin::cpu
