#include "ops/map_blocks_cast.h"

namespace moulin {

template BlockFn FindCastBlockTo<uint8_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<uint16_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<uint32_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<uint64_t>(DType from, bool saturating);

}  // namespace moulin
