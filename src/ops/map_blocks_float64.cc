#include "ops/map_blocks_float.h"

namespace moulin {

template BlockFn FindFloatBlock<double>(ExprOp op);

}  // namespace moulin
