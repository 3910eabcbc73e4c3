#include "ops/map_blocks_float.h"

namespace moulin {

template BlockFn FindFloatBlock<float>(ExprOp op);

}  // namespace moulin
