#include "ops/map_blocks_cast.h"

namespace moulin {

template BlockFn FindCastBlockTo<float>(DType from, bool saturating);
template BlockFn FindCastBlockTo<double>(DType from, bool saturating);
template BlockFn FindCastBlockTo<std::complex<float>>(DType from, bool saturating);
template BlockFn FindCastBlockTo<std::complex<double>>(DType from, bool saturating);
template BlockFn FindCastBlockTo<bool>(DType from, bool saturating);

}  // namespace moulin
