// Decompression of Snappy's raw format.
#ifndef MOULIN_FORMATS_SNAPPY_H_
#define MOULIN_FORMATS_SNAPPY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin {

// The bytes that `compressed` stands for. Takes no more memory than Snappy can reach from so many bytes (about 22 times
// their number), whatever length is declared. E_PARSE for anything malformed.
StatusOr<std::string> Unsnappy(absl::string_view compressed);

}  // namespace moulin

#endif  // MOULIN_FORMATS_SNAPPY_H_
