#include "moulin/precision.h"

namespace moulin {

absl::string_view Name(Precision precision) {
  switch (precision) {
    case Precision::kStrict:
      return "strict";
    case Precision::kTf32:
      return "tf32";
    case Precision::kFloat16:
      return "fp16";
    case Precision::kBFloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kInt8Float16:
      return "int8+fp16";
  }
  return "?";
}

bool ParsePrecision(absl::string_view name, Precision* precision) {
  for (const Precision p : {Precision::kStrict, Precision::kTf32, Precision::kFloat16, Precision::kBFloat16,
                            Precision::kInt8, Precision::kInt8Float16}) {
    if (Name(p) != name) continue;
    *precision = p;
    return true;
  }
  return false;
}

}  // namespace moulin
