// Messages from files are checked against their declaration before they are parsed (base/wire.h tells why).
#ifndef MOULIN_FORMATS_WIRE_H_
#define MOULIN_FORMATS_WIRE_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"

namespace google::protobuf {
class Descriptor;
}

namespace moulin {

// Checks that `bytes` are a message of `type` throughout: every field of the kind that is declared, every string UTF-8.
// Unknown fields are skipped; group fields, which proto3 has not, are refused. E_PARSE tells the offset and the field's
// path. E_LIMIT: more than limits.nodes, functions, inputs_per_node, a rank above 254, messages deeper than
// limits.attribute_depth, or so many tiny fields that they would take many times the file's size in memory.
Status CheckWire(absl::string_view bytes, const google::protobuf::Descriptor* type, const Limits& limits);

// The same for a message that comes in pieces, each of whole fields, in order. Offsets in errors are those in a piece.
class PiecewiseWireCheck {
 public:
  // `bytes`: of the whole message.
  PiecewiseWireCheck(const google::protobuf::Descriptor* type, int64_t bytes, const Limits& limits);
  ~PiecewiseWireCheck();
  Status Check(absl::string_view piece);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_WIRE_H_
