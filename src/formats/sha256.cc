#include "formats/sha256.h"

#include <nettle/sha2.h>

namespace moulin {

std::string Sha256(absl::string_view bytes) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, bytes.size(), reinterpret_cast<const uint8_t*>(bytes.data()));
  std::string hash(kSha256Bytes, '\0');
  sha256_digest(&context, hash.size(), reinterpret_cast<uint8_t*>(hash.data()));
  return hash;
}

}  // namespace moulin
