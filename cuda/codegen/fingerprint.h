// A hash of text that stays the same over processes and versions.
#ifndef MOULIN_CUDA_CODEGEN_FINGERPRINT_H_
#define MOULIN_CUDA_CODEGEN_FINGERPRINT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace moulin::cuda {

// FNV-1a of 64 bits.
constexpr uint64_t Fingerprint(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_FINGERPRINT_H_
