#include "ops/map_blocks_cast.h"

namespace moulin {

template BlockFn FindCastBlockTo<int8_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<int16_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<int32_t>(DType from, bool saturating);
template BlockFn FindCastBlockTo<int64_t>(DType from, bool saturating);

}  // namespace moulin
