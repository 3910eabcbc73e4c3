// Element types of tensors.
#ifndef MOULIN_DTYPE_H_
#define MOULIN_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace moulin {

// The enumerators carry the numbers of TensorFlow's `DataType`, so that files need no translation table.
enum class DType : uint8_t {
  kInvalid = 0,
  kFloat32 = 1,
  kFloat64 = 2,
  kInt32 = 3,
  kUInt8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQInt8 = 11,
  kQUInt8 = 12,
  kQInt32 = 13,
  kBFloat16 = 14,
  kQInt16 = 15,
  kQUInt16 = 16,
  kUInt16 = 17,
  kComplex128 = 18,
  kFloat16 = 19,
  kResource = 20,
  kVariant = 21,
  kUInt32 = 22,
  kUInt64 = 23,
};

// Bytes of one element; 0 for types whose elements have no fixed size (string, resource, variant, invalid).
size_t SizeOf(DType type);

// TensorFlow's lower-case name, as in NumPy and in golden cases: "float32", "bfloat16", "bool", "string".
absl::string_view Name(DType type);

// The short form used in messages and dumps: "f32", "bf16", "i64".
absl::string_view ShortName(DType type);

// The reverse of Name; kInvalid for an unknown name.
DType DTypeFromName(absl::string_view name);

bool IsFloating(DType type);         // float16, bfloat16, float32, float64
bool IsHalf(DType type);             // float16, bfloat16
bool IsComplex(DType type);          // complex64, complex128
bool IsQuantized(DType type);        // qint8, quint8, qint16, quint16, qint32
bool IsSignedInteger(DType type);    // int8..int64 and the signed quantised types
bool IsUnsignedInteger(DType type);  // uint8..uint64 and the unsigned quantised types; not bool
bool IsInteger(DType type);          // any of the two above

}  // namespace moulin

#endif  // MOULIN_DTYPE_H_
