// The numbers of a repeated field of a protocol buffer, packed or not: for messages inside tensors.
#ifndef MOULIN_OPS_WIRE_H_
#define MOULIN_OPS_WIRE_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/wire.h"

namespace moulin {

// Appends the varints of `field`. False where they are malformed or of another type.
bool AppendVarints(const WireField& field, std::vector<int64_t>* values);

// Calls f(uint32_t) or f(uint64_t), by `Bits`, with the bits of each number of `field`. False as above.
template <typename Bits, typename F>
bool ForEachFixed(const WireField& field, F f) {
  constexpr WireType kType = sizeof(Bits) == 4 ? WireType::kFixed32 : WireType::kFixed64;
  if (field.type == kType) {
    f(static_cast<Bits>(field.value));
    return true;
  }
  if (field.type != WireType::kBytes || field.payload.size() % sizeof(Bits) != 0) return false;
  for (size_t i = 0; i < field.payload.size(); i += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, field.payload.data() + i, sizeof(Bits));
    f(bits);
  }
  return true;
}

}  // namespace moulin

#endif  // MOULIN_OPS_WIRE_H_
