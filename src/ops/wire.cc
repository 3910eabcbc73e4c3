#include "ops/wire.h"

namespace moulin {

bool AppendVarints(const WireField& field, std::vector<int64_t>* values) {
  if (field.type == WireType::kVarint) {
    values->push_back(static_cast<int64_t>(field.value));
    return true;
  }
  if (field.type != WireType::kBytes) return false;
  absl::string_view rest = field.payload;
  for (uint64_t value = 0; !rest.empty();) {
    if (TakeWireVarint(&rest, &value) != nullptr) return false;
    values->push_back(static_cast<int64_t>(value));
  }
  return true;
}

}  // namespace moulin
