// Protocol buffer messages in files: binary or text, checked before they are parsed.
#ifndef MOULIN_FORMATS_PROTO_IO_H_
#define MOULIN_FORMATS_PROTO_IO_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"

namespace google::protobuf {
class Message;
}

namespace moulin {

enum class ProtoForm { kBinary, kText };

// Tells the form of a GraphDef, MetaGraphDef or SavedModel from its first bytes. A message of nothing but fields that
// it does not declare may be spelled in characters, and is taken for text.
ProtoForm DetectProtoForm(absl::string_view bytes);

// What text may hold that the message does not declare: refused as a misspelling, or skipped.
enum class UnknownTextFields { kRefuse, kSkip };

// Parses `bytes` into `*message`. Binary content is walked first (formats/wire.h) so that hostile bytes are refused
// before they take memory. E_PARSE with offset or line:column, E_LIMIT for nesting deeper than limits.attribute_depth.
Status ParseProto(absl::string_view bytes, ProtoForm form, const Limits& limits, UnknownTextFields unknown,
                  google::protobuf::Message* message);

// Merges fields in binary form, which have been checked (formats/wire.h), into `*message`. E_PARSE.
Status MergeBinary(absl::string_view bytes, const Limits& limits, google::protobuf::Message* message);

// The bytes of `message`, the same for equal messages. E_LIMIT where binary would reach 2 GiB.
StatusOr<std::string> SerializeProto(const google::protobuf::Message& message, ProtoForm form);

// Checks, without recursion, that `text` nests brackets at most `max_depth` deep outside of strings and comments, and
// that it is not made of brackets with almost nothing in them, which would take many times its size in memory. Serves
// text-format messages ('#' starts a comment) and JSON. E_LIMIT with line:column.
Status CheckTextNesting(absl::string_view text, int max_depth);

}  // namespace moulin

#endif  // MOULIN_FORMATS_PROTO_IO_H_
