// The binary form of protocol buffers, walked without making messages.
//
// The parser of the protobuf library says only that it failed, and a few bytes can ask it for a lot of memory (an empty
// submessage takes two bytes in a file and a hundred in memory). This walk tells where a file is wrong, and what it
// would cost, beforehand.
#ifndef MOULIN_FORMATS_WIRE_H_
#define MOULIN_FORMATS_WIRE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"

namespace google::protobuf {
class Descriptor;
}

namespace moulin {

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  int64_t offset = 0;  // of the tag, in the bytes given to the reader
  int number = 0;
  WireType type = WireType::kVarint;
  uint64_t varint = 0;        // for kVarint
  absl::string_view payload;  // for kBytes
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
  bool Skip(uint64_t bytes);

  absl::string_view bytes_;
  int64_t at_ = 0;
  const char* fault_ = nullptr;
};

// Checks that `bytes` are a message of `type` throughout: every field of the kind that is declared, every string UTF-8.
// Unknown fields are skipped; group fields, which proto3 has not, are refused. E_PARSE tells the offset and the field's
// path. E_LIMIT: more than limits.nodes, functions, inputs_per_node, a rank above 254, messages deeper than
// limits.attribute_depth, or so many tiny fields that they would take many times the file's size in memory.
Status CheckWire(absl::string_view bytes, const google::protobuf::Descriptor* type, const Limits& limits);

}  // namespace moulin

#endif  // MOULIN_FORMATS_WIRE_H_
