#include "moulin/dtype.h"

namespace moulin {
namespace {

struct Row {
  DType type;
  const char* name;
  const char* short_name;
  uint8_t bytes;
};

constexpr Row kRows[] = {
    {DType::kInvalid, "invalid", "?", 0},
    {DType::kFloat32, "float32", "f32", 4},
    {DType::kFloat64, "float64", "f64", 8},
    {DType::kInt32, "int32", "i32", 4},
    {DType::kUInt8, "uint8", "u8", 1},
    {DType::kInt16, "int16", "i16", 2},
    {DType::kInt8, "int8", "i8", 1},
    {DType::kString, "string", "str", 0},
    {DType::kComplex64, "complex64", "c64", 8},
    {DType::kInt64, "int64", "i64", 8},
    {DType::kBool, "bool", "bool", 1},
    {DType::kQInt8, "qint8", "qi8", 1},
    {DType::kQUInt8, "quint8", "qu8", 1},
    {DType::kQInt32, "qint32", "qi32", 4},
    {DType::kBFloat16, "bfloat16", "bf16", 2},
    {DType::kQInt16, "qint16", "qi16", 2},
    {DType::kQUInt16, "quint16", "qu16", 2},
    {DType::kUInt16, "uint16", "u16", 2},
    {DType::kComplex128, "complex128", "c128", 16},
    {DType::kFloat16, "float16", "f16", 2},
    {DType::kResource, "resource", "resource", 0},
    {DType::kVariant, "variant", "variant", 0},
    {DType::kUInt32, "uint32", "u32", 4},
    {DType::kUInt64, "uint64", "u64", 8},
};

constexpr const Row& RowOf(DType type) {
  const auto i = static_cast<size_t>(type);
  return kRows[i < std::size(kRows) ? i : 0];
}

}  // namespace

size_t SizeOf(DType type) { return RowOf(type).bytes; }
absl::string_view Name(DType type) { return RowOf(type).name; }
absl::string_view ShortName(DType type) { return RowOf(type).short_name; }

DType DTypeFromName(absl::string_view name) {
  for (const Row& row : kRows) {
    if (name == row.name) return row.type;
  }
  return DType::kInvalid;
}

bool IsFloating(DType type) {
  return type == DType::kFloat32 || type == DType::kFloat64 || type == DType::kFloat16 || type == DType::kBFloat16;
}

bool IsHalf(DType type) { return type == DType::kFloat16 || type == DType::kBFloat16; }

bool IsComplex(DType type) { return type == DType::kComplex64 || type == DType::kComplex128; }

bool IsQuantized(DType type) {
  return type == DType::kQInt8 || type == DType::kQUInt8 || type == DType::kQInt16 || type == DType::kQUInt16 ||
         type == DType::kQInt32;
}

bool IsSignedInteger(DType type) {
  switch (type) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kQInt8:
    case DType::kQInt16:
    case DType::kQInt32:
      return true;
    default:
      return false;
  }
}

bool IsUnsignedInteger(DType type) {
  switch (type) {
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
    case DType::kUInt64:
    case DType::kQUInt8:
    case DType::kQUInt16:
      return true;
    default:
      return false;
  }
}

bool IsInteger(DType type) { return IsSignedInteger(type) || IsUnsignedInteger(type); }

}  // namespace moulin
