// The error contract: stable codes, and the places an error names.
//
// A message reads "E_SHAPE: what is wrong: expected vs got; node "conv1" (op Conv2D); model.pb". The part before
// the first ';' is made where the fault is found (MakeError); each layer on the way up adds the place it knows, once.
#ifndef MOULIN_BASE_ERRORS_H_
#define MOULIN_BASE_ERRORS_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin {

// docs/errors.md tells each code's meaning; ErrorName gives the spelling in messages ("E_PARSE").
enum class ErrorCode {
  kEmpty,         // a file or list with nothing in it
  kParse,         // bytes or text that do not follow their format
  kWrongType,     // a good file of another kind than asked for
  kData,          // content that fails its checksum, or is cut short
  kLimit,         // beyond a bound of Limits
  kName,          // a name that is empty, malformed or unknown
  kDuplicate,     // a name given twice
  kMissingInput,  // a node or request lacks an input
  kPort,          // an output number that a node does not have
  kInput,         // a malformed input reference
  kArity,         // too few or too many inputs
  kCycle,         // a graph that depends on itself
  kRecursion,     // a function that calls itself
  kFunction,      // a malformed function or call
  kFrame,         // malformed control flow
  kUnsupported,   // valid TensorFlow that Moulin does not run
  kForbidden,     // an op refused for safety
  kAttribute,     // a missing or malformed attribute
  kDType,         // a wrong or unknown element type
  kShape,         // a wrong, negative or overflowing shape
  kTensor,        // tensor content that does not fit its type and shape
  kValue,         // a tensor's value outside what the op takes (index, divisor)
  kOutput,        // an output that cannot be asked for
  kOption,        // a wrong option or flag
  kFile,          // a file that cannot be opened, read or written
  kMemory,        // not enough memory
  kQueueFull,     // the bounded queue refuses a request
  kCancelled,     // withdrawn by the caller
  kDeadline,      // too late
  kStopped,       // the engine is shutting down
  kDevice,        // a device that is absent or failed
  kAccuracy,      // a precision that loses more than is allowed
  kInternal,      // a broken invariant of Moulin itself
};

absl::string_view ErrorName(ErrorCode code);

// An error with the absl code that goes with `code` and the message "E_NAME: <parts joined>".
[[gnu::cold]] Status MakeErrorFromString(ErrorCode code, std::string what);
// Cold: what leads here only is compiled for size, and lies apart from what every request runs.
template <typename... Parts>
[[gnu::cold]] Status MakeError(ErrorCode code, const Parts&... parts) {
  return MakeErrorFromString(code, absl::StrCat(parts...));
}

// Adds "; <place>" to a failed status that does not name such a place yet; OK stays OK.
Status AtNode(const Status& status, absl::string_view node, absl::string_view op);
Status AtFile(const Status& status, absl::string_view file);

// `text` safe to print: control characters and invalid bytes escaped, cut at `max_bytes` with an ellipsis.
std::string Printable(absl::string_view text, size_t max_bytes = 200);

}  // namespace moulin

#endif  // MOULIN_BASE_ERRORS_H_
