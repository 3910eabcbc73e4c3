#include "base/errors.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"

namespace moulin {
namespace {

using absl::StatusCode;

struct CodeRow {
  ErrorCode code;
  const char* name;
  StatusCode status;
};

constexpr CodeRow kCodes[] = {
    {ErrorCode::kEmpty, "E_EMPTY", StatusCode::kInvalidArgument},
    {ErrorCode::kParse, "E_PARSE", StatusCode::kDataLoss},
    {ErrorCode::kWrongType, "E_WRONG_TYPE", StatusCode::kInvalidArgument},
    {ErrorCode::kData, "E_DATA", StatusCode::kDataLoss},
    {ErrorCode::kLimit, "E_LIMIT", StatusCode::kInvalidArgument},
    {ErrorCode::kName, "E_NAME", StatusCode::kInvalidArgument},
    {ErrorCode::kDuplicate, "E_DUP", StatusCode::kInvalidArgument},
    {ErrorCode::kMissingInput, "E_MISSING_INPUT", StatusCode::kInvalidArgument},
    {ErrorCode::kPort, "E_PORT", StatusCode::kInvalidArgument},
    {ErrorCode::kInput, "E_INPUT", StatusCode::kInvalidArgument},
    {ErrorCode::kArity, "E_ARITY", StatusCode::kInvalidArgument},
    {ErrorCode::kCycle, "E_CYCLE", StatusCode::kInvalidArgument},
    {ErrorCode::kRecursion, "E_RECURSION", StatusCode::kInvalidArgument},
    {ErrorCode::kFunction, "E_FUNC", StatusCode::kInvalidArgument},
    {ErrorCode::kFrame, "E_FRAME", StatusCode::kInvalidArgument},
    {ErrorCode::kUnsupported, "E_UNSUPPORTED", StatusCode::kUnimplemented},
    {ErrorCode::kForbidden, "E_FORBIDDEN_OP", StatusCode::kPermissionDenied},
    {ErrorCode::kAttribute, "E_ATTR", StatusCode::kInvalidArgument},
    {ErrorCode::kDType, "E_DTYPE", StatusCode::kInvalidArgument},
    {ErrorCode::kShape, "E_SHAPE", StatusCode::kInvalidArgument},
    {ErrorCode::kTensor, "E_TENSOR", StatusCode::kInvalidArgument},
    {ErrorCode::kValue, "E_VALUE", StatusCode::kInvalidArgument},
    {ErrorCode::kOutput, "E_OUTPUT", StatusCode::kInvalidArgument},
    {ErrorCode::kOption, "E_OPTION", StatusCode::kInvalidArgument},
    {ErrorCode::kFile, "E_FILE", StatusCode::kNotFound},
    {ErrorCode::kMemory, "E_MEMORY", StatusCode::kResourceExhausted},
    {ErrorCode::kQueueFull, "E_QUEUE_FULL", StatusCode::kResourceExhausted},
    {ErrorCode::kCancelled, "E_CANCELLED", StatusCode::kCancelled},
    {ErrorCode::kDeadline, "E_DEADLINE", StatusCode::kDeadlineExceeded},
    {ErrorCode::kStopped, "E_STOPPED", StatusCode::kFailedPrecondition},
    {ErrorCode::kDevice, "E_DEVICE", StatusCode::kUnavailable},
    {ErrorCode::kAccuracy, "E_ACCURACY", StatusCode::kFailedPrecondition},
    {ErrorCode::kInternal, "E_INTERNAL", StatusCode::kInternal},
};

const CodeRow& Row(ErrorCode code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row;
  }
  return Row(ErrorCode::kInternal);
}

Status AddPlace(const Status& status, const std::string& place) {
  return Status(status.code(), absl::StrCat(status.message(), "; ", place));
}

}  // namespace

absl::string_view ErrorName(ErrorCode code) { return Row(code).name; }

Status MakeErrorFromString(ErrorCode code, std::string what) {
  return Status(Row(code).status, absl::StrCat(Row(code).name, ": ", what));
}

Status AtNode(const Status& status, absl::string_view node, absl::string_view op) {
  if (status.ok() || absl::StrContains(status.message(), "; node \"")) return status;
  return AddPlace(status, absl::StrCat("node \"", Printable(node), "\" (op ", Printable(op), ")"));
}

Status AtFile(const Status& status, absl::string_view file) {
  if (status.ok() || absl::StrContains(status.message(), "; file \"")) return status;
  return AddPlace(status, absl::StrCat("file \"", Printable(file), "\""));
}

std::string Printable(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::Utf8SafeCHexEscape(text);
  return absl::StrCat(absl::Utf8SafeCHexEscape(text.substr(0, max_bytes)), "... (", text.size(), " bytes)");
}

}  // namespace moulin
