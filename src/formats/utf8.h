// UTF-8, as far as the formats need it.
#ifndef MOULIN_FORMATS_UTF8_H_
#define MOULIN_FORMATS_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace moulin {

// The number of leading bytes of `text` that are well-formed UTF-8 (no overlong forms, no surrogates); text.size()
// where all are.
size_t ValidUtf8Prefix(absl::string_view text);

// Appends a code point; false, with nothing appended, for a surrogate or one beyond U+10FFFF.
bool AppendUtf8(uint32_t code_point, std::string* text);

}  // namespace moulin

#endif  // MOULIN_FORMATS_UTF8_H_
