// The binary form of protocol buffers, walked field by field without a schema and without making messages.
//
// The parser of the protobuf library says only that it failed, and a few bytes can ask it for a lot of memory (an empty
// submessage takes two bytes in a file and a hundred in memory). This walk tells where bytes are wrong, and takes no
// memory.
#ifndef MOULIN_BASE_WIRE_H_
#define MOULIN_BASE_WIRE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace moulin {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  int64_t offset = 0;  // of the tag, in the bytes given to the reader
  int number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;         // of the numeric kinds; the bits, where it is a fixed one
  absl::string_view payload;  // of kBytes
};

// Reads the fields of one message in turn.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : bytes_(bytes) {}

  // Reads the next field; false at the end of the message or at a fault.
  bool Next(WireField* field);
  // What is wrong with the bytes at offset(); null where nothing is.
  const char* fault() const { return fault_; }
  int64_t offset() const { return at_; }

 private:
  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }
  bool ReadVarint(uint64_t* value);
  bool ReadFixed(int64_t size, uint64_t* value);
  bool Skip(uint64_t bytes);

  absl::string_view bytes_;
  int64_t at_ = 0;
  const char* fault_ = nullptr;
};

// Takes a varint off the front of `*bytes`. Bits above 64 are dropped, as protocol buffers do. Returns what is wrong
// with it (then nothing is taken), or null.
const char* TakeWireVarint(absl::string_view* bytes, uint64_t* value);

// The number that up to four bytes are, the least significant first.
uint32_t LittleEndian(absl::string_view bytes);

}  // namespace moulin

#endif  // MOULIN_BASE_WIRE_H_
