// Zip archives, as far as .npz files use them: entries stored or deflated, in 64-bit form where they are large.
#ifndef MOULIN_FORMATS_ZIP_H_
#define MOULIN_FORMATS_ZIP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "formats/file.h"
#include "moulin/status.h"

namespace moulin {

struct ZipEntry {
  std::string name;
  bool is_deflated = false;
  uint32_t crc32 = 0;
  int64_t size = 0;          // unpacked
  absl::string_view packed;  // within the archive's bytes
};

// The entries that the archive's directory lists, in its order; none is unpacked. E_EMPTY; E_PARSE (no zip); E_DATA
// (truncated, entries outside the archive or over each other, local headers that contradict the directory); E_DUP;
// E_LIMIT (more than limits.bundle_entries entries, or one above 64 MiB that unpacks to more than 200 times its size);
// E_UNSUPPORTED (encryption, several disks, a method other than stored and deflated).
StatusOr<std::vector<ZipEntry>> ListZip(absl::string_view archive, const Limits& limits);

// The bytes of a stored entry, in place, or of a deflated one, in `*buffer`. E_DATA where size or checksum differ from
// those listed.
StatusOr<absl::string_view> UnpackEntry(const ZipEntry& entry, std::string* buffer);

// Writes an archive entry by entry. Times are fixed, so that the same entries give the same bytes.
class ZipWriter {
 public:
  explicit ZipWriter(Sink sink) : sink_(std::move(sink)) {}

  // Adds an entry whose content is `head` and then `body`. Offsets and sizes beyond 32 bits are written in 64-bit form.
  Status Add(const std::string& name, absl::string_view head, absl::string_view body, bool deflate);
  // Writes the directory; nothing may be added after.
  Status Finish();

 private:
  struct Written {
    std::string name;
    bool is_deflated;
    uint32_t crc32;
    uint64_t size;
    uint64_t packed_size;
    uint64_t offset;
  };
  Status Put(absl::string_view bytes);

  Sink sink_;
  uint64_t at_ = 0;
  std::vector<Written> entries_;
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_ZIP_H_
