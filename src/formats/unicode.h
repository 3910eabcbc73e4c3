// Unicode, as far as names that people type need it.
#ifndef MOULIN_FORMATS_UNICODE_H_
#define MOULIN_FORMATS_UNICODE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace moulin {

// `text`, which must be UTF-8, in canonically decomposed form (NFD): equal for texts that look the same and are only
// encoded in two ways, such as "é" as one character or as "e" and an accent.
std::string CanonicalForm(absl::string_view text);

}  // namespace moulin

#endif  // MOULIN_FORMATS_UNICODE_H_
