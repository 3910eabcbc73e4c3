// Little-endian numbers at the front of a string, as tables and checkpoints hold them.
#ifndef MOULIN_FORMATS_VARINT_H_
#define MOULIN_FORMATS_VARINT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace moulin {

// Takes a varint of up to 64 bits off the front of `*bytes`; false where it is cut short or too long.
inline bool TakeVarint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < 10 && i < static_cast<int>(bytes->size()); ++i) {
    const uint64_t byte = static_cast<uint8_t>((*bytes)[i]);
    if (i == 9 && byte > 1) return false;
    *value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

inline uint32_t LittleEndian32(const char* at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

}  // namespace moulin

#endif  // MOULIN_FORMATS_VARINT_H_
