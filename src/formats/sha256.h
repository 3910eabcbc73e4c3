// SHA-256, the identity of stored content.
#ifndef MOULIN_FORMATS_SHA256_H_
#define MOULIN_FORMATS_SHA256_H_

#include <string>

#include "absl/strings/string_view.h"

namespace moulin {

inline constexpr size_t kSha256Bytes = 32;

// The 32 bytes of the hash.
std::string Sha256(absl::string_view bytes);

}  // namespace moulin

#endif  // MOULIN_FORMATS_SHA256_H_
