// Large messages in files, read a few fields at a time.
#ifndef MOULIN_FORMATS_FIELD_PIECES_H_
#define MOULIN_FORMATS_FIELD_PIECES_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "formats/file.h"

namespace moulin {

// Hands the fields of the message in `file` to `take`, in pieces of one or more whole fields, in order. Beside a window
// of a mebibyte, the largest field is in memory. False where the file cannot be read, is no message, or `take` says so.
bool ReadFieldPieces(const OpenFile& file, const std::function<bool(absl::string_view piece)>& take);

}  // namespace moulin

#endif  // MOULIN_FORMATS_FIELD_PIECES_H_
