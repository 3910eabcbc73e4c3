#include "formats/proto_io.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <climits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/utf8.h"
#include "formats/wire.h"

namespace moulin {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;

// As many brackets are free; beyond, each must bring some text along.
constexpr size_t kFreeObjects = 1'000'000;
constexpr size_t kTextBytesPerObject = 12;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The fields that text of a GraphDef, MetaGraphDef or SavedModel can start with. No binary file starts like one: its
// first bytes would be tags of impossible kinds.
constexpr absl::string_view kTopFields[] = {"node",
                                            "library",
                                            "version",
                                            "versions",
                                            "debug_info",
                                            "meta_info_def",
                                            "graph_def",
                                            "saver_def",
                                            "collection_def",
                                            "signature_def",
                                            "asset_file_def",
                                            "meta_graphs",
                                            "object_graph_def",
                                            "saved_model_schema_version"};

bool IsWordByte(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// The first word of the text, past white space and comments.
absl::string_view FirstWord(absl::string_view text) {
  size_t at = 0;
  while (at < text.size() && (absl::ascii_isspace(text[at]) || text[at] == '#')) {
    if (text[at] == '#') at = std::min(text.find('\n', at), text.size() - 1);
    ++at;
  }
  size_t end = at;
  while (end < text.size() && IsWordByte(text[end])) ++end;
  return text.substr(at, end - at);
}

bool IsPlainText(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return absl::ascii_isspace(c) || absl::ascii_isprint(c); });
}

std::string LineColumn(absl::string_view text, size_t at) {
  const absl::string_view before = text.substr(0, at);
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return absl::StrCat(std::count(before.begin(), before.end(), '\n') + 1, ":", at - line_start + 1);
}

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    // Quotation marks are the message's own, and stay.
    if (text_.empty()) {
      text_ = absl::StrCat(line + 1, ":", column + 1, ": ",
                           absl::StrReplaceAll(Printable(message), {{"\\\"", "\""}, {"\\'", "'"}}));
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Status ParseText(absl::string_view text, const Limits& limits, UnknownTextFields unknown, Message* message) {
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t bad = std::min({ValidUtf8Prefix(text), text.find('\0'), text.size()});
  if (bad < text.size()) {
    return MakeError(ErrorCode::kParse, LineColumn(text, bad), ": a byte of ", static_cast<int>(uint8_t(text[bad])),
                     " is not UTF-8 text");
  }
  MOULIN_RETURN_IF_ERROR(CheckTextNesting(text, limits.attribute_depth));
  FirstError error;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(limits.attribute_depth);
  parser.AllowUnknownField(unknown == UnknownTextFields::kSkip);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&input, message)) return absl::OkStatus();
  return MakeError(ErrorCode::kParse, error.text());
}

Status ParseBinary(absl::string_view bytes, const Limits& limits, Message* message) {
  MOULIN_RETURN_IF_ERROR(CheckWire(bytes, message->GetDescriptor(), limits));
  return MergeBinary(bytes, limits, message);
}

}  // namespace

Status MergeBinary(absl::string_view bytes, const Limits& limits, Message* message) {
  google::protobuf::LogSilencer silencer;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetTotalBytesLimit(INT_MAX);
  input.SetRecursionLimit(limits.attribute_depth);
  if (message->MergeFromCodedStream(&input) && input.ConsumedEntireMessage()) return absl::OkStatus();
  return MakeError(ErrorCode::kParse, "not a ", message->GetDescriptor()->name(), " message");
}

ProtoForm DetectProtoForm(absl::string_view bytes) {
  if (absl::StartsWith(bytes, kByteOrderMark)) return ProtoForm::kText;
  const absl::string_view word = FirstWord(bytes);
  const bool is_text = std::find(std::begin(kTopFields), std::end(kTopFields), word) != std::end(kTopFields) ||
                       IsPlainText(bytes.substr(0, 512));
  return is_text ? ProtoForm::kText : ProtoForm::kBinary;
}

Status ParseProto(absl::string_view bytes, ProtoForm form, const Limits& limits, UnknownTextFields unknown,
                  Message* message) {
  if (bytes.size() > INT_MAX) {
    return MakeError(ErrorCode::kLimit, bytes.size(), " bytes, a protocol buffer message holds ", INT_MAX, " at most");
  }
  google::protobuf::LogSilencer silencer;
  return form == ProtoForm::kText ? ParseText(bytes, limits, unknown, message) : ParseBinary(bytes, limits, message);
}

StatusOr<std::string> SerializeProto(const Message& message, ProtoForm form) {
  std::string bytes;
  if (form == ProtoForm::kText) {
    TextFormat::Printer printer;
    if (printer.PrintToString(message, &bytes)) return bytes;
    return MakeError(ErrorCode::kInternal, "cannot print a ", message.GetDescriptor()->name());
  }
  if (message.ByteSizeLong() > INT_MAX) {
    return MakeError(ErrorCode::kLimit, message.ByteSizeLong(), " bytes, a protocol buffer message holds ", INT_MAX,
                     " at most");
  }
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.SetSerializationDeterministic(true);
  if (!message.SerializeToCodedStream(&output)) {
    return MakeError(ErrorCode::kInternal, "cannot serialize a ", message.GetDescriptor()->name());
  }
  output.Trim();
  return bytes;
}

Status CheckTextNesting(absl::string_view text, int max_depth) {
  int depth = 0;
  size_t objects = 0;
  const size_t max_objects = kFreeObjects + text.size() / kTextBytesPerObject;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      const size_t start = at;
      for (++at; at < text.size() && text[at] != c && text[at] != '\n'; ++at) {
        if (text[at] == '\\') ++at;
      }
      if (at >= text.size()) {
        return MakeError(ErrorCode::kParse, LineColumn(text, start), ": a string that does not end");
      }
    } else if (c == '{' || c == '<' || c == '[') {
      if (++depth > max_depth) {
        return MakeError(ErrorCode::kLimit, LineColumn(text, at), ": nested deeper than ", max_depth);
      }
      if (++objects > max_objects) {
        return MakeError(ErrorCode::kLimit, LineColumn(text, at), ": more than ", max_objects,
                         " brackets with almost nothing in them");
      }
    } else if (c == '}' || c == '>' || c == ']') {
      --depth;
    }
  }
  return absl::OkStatus();
}

}  // namespace moulin
