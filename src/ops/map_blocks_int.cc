#include "ops/map_blocks_int.h"

namespace moulin {

template BlockFn FindIntBlock<int8_t>(ExprOp op);
template BlockFn FindIntBlock<int16_t>(ExprOp op);
template BlockFn FindIntBlock<int32_t>(ExprOp op);
template BlockFn FindIntBlock<int64_t>(ExprOp op);

}  // namespace moulin
