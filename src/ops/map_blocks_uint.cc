#include "ops/map_blocks_int.h"

namespace moulin {

template BlockFn FindIntBlock<uint8_t>(ExprOp op);
template BlockFn FindIntBlock<uint16_t>(ExprOp op);
template BlockFn FindIntBlock<uint32_t>(ExprOp op);
template BlockFn FindIntBlock<uint64_t>(ExprOp op);

}  // namespace moulin
