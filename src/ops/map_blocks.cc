#include "ops/map_blocks.h"

#include <string>

namespace moulin {
namespace {

// Operand 0 is the condition.
template <int size>
void SelectBlock(const void* const* args, void* out, int n) {
  struct Element {
    unsigned char bytes[size];
  };
  const auto* condition = static_cast<const bool*>(args[0]);
  const auto* x = static_cast<const Element*>(args[1]);
  const auto* y = static_cast<const Element*>(args[2]);
  auto* z = static_cast<Element*>(out);
  for (int i = 0; i < n; ++i) z[i] = condition[i] ? x[i] : y[i];
}

template <bool equal>
void CompareStrings(const void* const* args, void* out, int n) {
  const auto* x = static_cast<const std::string* const*>(args[0]);
  const auto* y = static_cast<const std::string* const*>(args[1]);
  auto* z = static_cast<bool*>(out);
  for (int i = 0; i < n; ++i) z[i] = (*x[i] == *y[i]) == equal;
}

}  // namespace

DType RegisterType(DType type) {
  switch (type) {
    case DType::kFloat16:
    case DType::kBFloat16:
      return DType::kFloat32;
    case DType::kQInt8:
      return DType::kInt8;
    case DType::kQUInt8:
      return DType::kUInt8;
    case DType::kQInt16:
      return DType::kInt16;
    case DType::kQUInt16:
      return DType::kUInt16;
    case DType::kQInt32:
      return DType::kInt32;
    default:
      return type;
  }
}

int RegisterSize(DType type) {
  return type == DType::kString ? static_cast<int>(sizeof(const std::string*))
                                : static_cast<int>(SizeOf(RegisterType(type)));
}

BlockFn FindSelectBlock(int register_size) {
  switch (register_size) {
    case 1:
      return &SelectBlock<1>;
    case 2:
      return &SelectBlock<2>;
    case 4:
      return &SelectBlock<4>;
    case 8:
      return &SelectBlock<8>;
    case 16:
      return &SelectBlock<16>;
    default:
      return nullptr;
  }
}

BlockFn FindBoolBlock(ExprOp op) {
  using T = bool;
  switch (op) {
    MOULIN_UNARY_CASE(Not)
    MOULIN_BINARY_CASE(And)
    MOULIN_BINARY_CASE(Or)
    MOULIN_COMPARISONS(MOULIN_BINARY_CASE)
    default:
      return nullptr;
  }
}

BlockFn FindStringBlock(ExprOp op) {
  switch (op) {
    case ExprOp::kEqual:
      return &CompareStrings<true>;
    case ExprOp::kNotEqual:
      return &CompareStrings<false>;
    default:
      return nullptr;
  }
}

BlockFn FindBlock(ExprOp op, DType type) {
  if (op == ExprOp::kSelect) return FindSelectBlock(RegisterSize(type));
  switch (type) {
    case DType::kFloat32:
      return FindFloatBlock<float>(op);
    case DType::kFloat64:
      return FindFloatBlock<double>(op);
    case DType::kInt8:
      return FindIntBlock<int8_t>(op);
    case DType::kInt16:
      return FindIntBlock<int16_t>(op);
    case DType::kInt32:
      return FindIntBlock<int32_t>(op);
    case DType::kInt64:
      return FindIntBlock<int64_t>(op);
    case DType::kUInt8:
      return FindIntBlock<uint8_t>(op);
    case DType::kUInt16:
      return FindIntBlock<uint16_t>(op);
    case DType::kUInt32:
      return FindIntBlock<uint32_t>(op);
    case DType::kUInt64:
      return FindIntBlock<uint64_t>(op);
    case DType::kComplex64:
      return FindComplexBlock<float>(op);
    case DType::kComplex128:
      return FindComplexBlock<double>(op);
    case DType::kBool:
      return FindBoolBlock(op);
    case DType::kString:
      return FindStringBlock(op);
    default:
      return nullptr;
  }
}

BlockFn FindCastBlock(DType from, DType to, bool saturating) {
  switch (to) {
    case DType::kFloat32:
      return FindCastBlockTo<float>(from, saturating);
    case DType::kFloat64:
      return FindCastBlockTo<double>(from, saturating);
    case DType::kInt8:
      return FindCastBlockTo<int8_t>(from, saturating);
    case DType::kInt16:
      return FindCastBlockTo<int16_t>(from, saturating);
    case DType::kInt32:
      return FindCastBlockTo<int32_t>(from, saturating);
    case DType::kInt64:
      return FindCastBlockTo<int64_t>(from, saturating);
    case DType::kUInt8:
      return FindCastBlockTo<uint8_t>(from, saturating);
    case DType::kUInt16:
      return FindCastBlockTo<uint16_t>(from, saturating);
    case DType::kUInt32:
      return FindCastBlockTo<uint32_t>(from, saturating);
    case DType::kUInt64:
      return FindCastBlockTo<uint64_t>(from, saturating);
    case DType::kComplex64:
      return FindCastBlockTo<std::complex<float>>(from, saturating);
    case DType::kComplex128:
      return FindCastBlockTo<std::complex<double>>(from, saturating);
    case DType::kBool:
      return FindCastBlockTo<bool>(from, saturating);
    default:
      return nullptr;
  }
}

}  // namespace moulin
