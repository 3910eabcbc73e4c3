// The kernels' index types from the graph's element types.
#ifndef MOULIN_CUDA_INDEX_TYPE_H_
#define MOULIN_CUDA_INDEX_TYPE_H_

#include <optional>

#include "cuda/kernels/index_type.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

// Nothing for a type that is no integer.
inline std::optional<IndexType> IndexTypeOf(DType type) {
  switch (type) {
    case DType::kInt8:
      return IndexType::kInt8;
    case DType::kUInt8:
      return IndexType::kUInt8;
    case DType::kInt16:
      return IndexType::kInt16;
    case DType::kUInt16:
      return IndexType::kUInt16;
    case DType::kInt32:
      return IndexType::kInt32;
    case DType::kUInt32:
      return IndexType::kUInt32;
    case DType::kInt64:
      return IndexType::kInt64;
    case DType::kUInt64:
      return IndexType::kUInt64;
    default:
      return std::nullopt;
  }
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_INDEX_TYPE_H_
