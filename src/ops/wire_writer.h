// Writes protocol buffers' binary form: for kernels whose results are serialized messages.
#ifndef MOULIN_OPS_WIRE_WRITER_H_
#define MOULIN_OPS_WIRE_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace moulin {

inline void AppendWireVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// A field of kind varint.
inline void AppendWireInt(int number, uint64_t value, std::string* out) {
  AppendWireVarint(static_cast<uint64_t>(number) << 3, out);
  AppendWireVarint(value, out);
}

// A field of bytes, or a message inside.
inline void AppendWireBytes(int number, absl::string_view bytes, std::string* out) {
  AppendWireVarint(static_cast<uint64_t>(number) << 3 | 2, out);
  AppendWireVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

}  // namespace moulin

#endif  // MOULIN_OPS_WIRE_WRITER_H_
