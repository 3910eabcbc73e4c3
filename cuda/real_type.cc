#include "cuda/real_type.h"

namespace moulin::cuda {

std::optional<RealType> RealTypeOf(DType type) {
  switch (type) {
    case DType::kFloat32:
      return RealType::kFloat32;
    case DType::kFloat64:
      return RealType::kFloat64;
    case DType::kFloat16:
      return RealType::kFloat16;
    case DType::kBFloat16:
      return RealType::kBFloat16;
    case DType::kInt8:
    case DType::kQInt8:
      return RealType::kInt8;
    case DType::kUInt8:
    case DType::kQUInt8:
      return RealType::kUInt8;
    case DType::kInt16:
    case DType::kQInt16:
      return RealType::kInt16;
    case DType::kUInt16:
    case DType::kQUInt16:
      return RealType::kUInt16;
    case DType::kInt32:
    case DType::kQInt32:
      return RealType::kInt32;
    case DType::kUInt32:
      return RealType::kUInt32;
    case DType::kInt64:
      return RealType::kInt64;
    case DType::kUInt64:
      return RealType::kUInt64;
    default:
      return std::nullopt;
  }
}

}  // namespace moulin::cuda
