// CRC-32C (Castagnoli), the checksum of checkpoints.
#ifndef MOULIN_FORMATS_CRC32C_H_
#define MOULIN_FORMATS_CRC32C_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace moulin {

// The checksum of bytes whose first part has the checksum `crc` (0 for none) and which continue with `data`.
uint32_t ExtendCrc32c(uint32_t crc, const void* data, size_t bytes);
inline uint32_t Crc32c(absl::string_view data) { return ExtendCrc32c(0, data.data(), data.size()); }

// The form in which files keep a checksum: the checksum of bytes that hold their own checksum would be a constant.
inline uint32_t MaskCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace moulin

#endif  // MOULIN_FORMATS_CRC32C_H_
