// What the writer and the reader of bundles agree on. The layout is told in bundle.h.
#ifndef MOULIN_FORMATS_BUNDLE_FORMAT_H_
#define MOULIN_FORMATS_BUNDLE_FORMAT_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/math.h"
#include "formats/sha256.h"
#include "moulin/status.h"

namespace moulin {

struct BundleHeader {
  char magic[8];
  uint32_t major;
  uint32_t minor;
  uint64_t manifest_offset;
  uint64_t manifest_bytes;
  char manifest_sha256[kSha256Bytes];
};
static_assert(sizeof(BundleHeader) == 64);

inline constexpr absl::string_view kBundleMagic = "MOULINB\n";
inline constexpr uint32_t kBundleMajor = 1;
inline constexpr uint32_t kBundleMinor = 1;
inline constexpr int64_t kBundleAlignment = 64;
inline constexpr char kBlobAttribute[] = "_moulin_blob";
inline constexpr int kManifestDepth = 100;

inline int64_t AlignedToBlob(int64_t offset) { return RoundUp(offset, kBundleAlignment); }

// E_NAME where `name` is not fit for a model of a bundle.
Status CheckModelName(absl::string_view name);

}  // namespace moulin

#endif  // MOULIN_FORMATS_BUNDLE_FORMAT_H_
