#include "formats/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace moulin {

// Fails only where OpenSSL was built without SHA-256 or cannot get a few hundred bytes; no answer is safe then.
std::string Sha256(absl::string_view bytes) {
  std::string hash(kSha256Bytes, '\0');
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(hash.data()), &size, EVP_sha256(),
                 nullptr) != 1) {
    std::abort();
  }
  return hash;
}

}  // namespace moulin
