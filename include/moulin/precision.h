// How the float32 parts of a model are computed.
#ifndef MOULIN_PRECISION_H_
#define MOULIN_PRECISION_H_

#include "absl/strings/string_view.h"

namespace moulin {

// What a model's float32 convolutions, matrix products and attention may be computed in. Their sums, and all of
// softmax and normalisation, are float32 always; inputs and outputs of the model keep their types.
enum class Precision {
  kStrict,    // float32, operands not rounded
  kTf32,      // operands rounded to 10 bits of mantissa where the device's units take them so (GPU); else as kStrict
  kFloat16,   // weights and activations stored as float16: beyond 65504 they overflow
  kBFloat16,  // weights and activations stored as bfloat16: 8 bits of mantissa, the range of float32
  // Convolutions and products of constant weights, where the range of the activation is known (Quantization), from
  // int8 operands, with int32 sums. All else as kStrict, or as kFloat16.
  kInt8,
  kInt8Float16,
};

inline constexpr bool IsInt8(Precision precision) {
  return precision == Precision::kInt8 || precision == Precision::kInt8Float16;
}

// "strict", "tf32", "fp16", "bf16", "int8", "int8+fp16".
absl::string_view Name(Precision precision);
// False where there is no such name.
bool ParsePrecision(absl::string_view name, Precision* precision);

}  // namespace moulin

#endif  // MOULIN_PRECISION_H_
