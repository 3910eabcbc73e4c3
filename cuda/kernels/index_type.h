// Integers that kernels read as indices, of any width: the type is an argument, not a template's, since the branch
// costs nothing beside the load.
#ifndef MOULIN_CUDA_KERNELS_INDEX_TYPE_H_
#define MOULIN_CUDA_KERNELS_INDEX_TYPE_H_

#include <cstdint>

#include "kernels/hd.h"

namespace moulin::cuda {

enum class IndexType { kInt8, kUInt8, kInt16, kUInt16, kInt32, kUInt32, kInt64, kUInt64 };

// Element `i`; numbers above 2^63 - 1 come out negative.
MOULIN_HD inline int64_t LoadIndex(const void* from, IndexType type, int64_t i) {
  switch (type) {
    case IndexType::kInt8:
      return static_cast<const int8_t*>(from)[i];
    case IndexType::kUInt8:
      return static_cast<const uint8_t*>(from)[i];
    case IndexType::kInt16:
      return static_cast<const int16_t*>(from)[i];
    case IndexType::kUInt16:
      return static_cast<const uint16_t*>(from)[i];
    case IndexType::kInt32:
      return static_cast<const int32_t*>(from)[i];
    case IndexType::kUInt32:
      return static_cast<const uint32_t*>(from)[i];
    case IndexType::kInt64:
      return static_cast<const int64_t*>(from)[i];
    default:
      return static_cast<int64_t>(static_cast<const uint64_t*>(from)[i]);
  }
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_INDEX_TYPE_H_
