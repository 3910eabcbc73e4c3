// Reading zip archives. The layout is that of PKWARE's APPNOTE: entries, each after a local header, then a directory of
// them, then its end record; the 64-bit form adds a second end record and an extra field where a number does not fit.
#include <zlib.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/zip.h"

namespace moulin {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kLocator64Bytes = 20;
constexpr int64_t kMaxRatio = 200;
constexpr int64_t kFreeBytes = 64 << 20;  // entries up to this size may be packed as tightly as they like

// Reads little-endian numbers in turn; past the end gives zeros and ok() == false.
class Cursor {
 public:
  explicit Cursor(absl::string_view bytes) : rest_(bytes) {}
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  absl::string_view Bytes(size_t n) {
    if (n > rest_.size()) {
      ok_ = false;
      n = 0;
    }
    const absl::string_view part = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return part;
  }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

 private:
  uint64_t Number(size_t n) {
    uint64_t value = 0;
    const absl::string_view bytes = Bytes(n);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  absl::string_view rest_;
  bool ok_ = true;
};

struct Directory {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0;
};

Status Damaged(absl::string_view what) { return MakeError(ErrorCode::kData, "damaged zip archive: ", what); }

// The end record is at the end of the file, but for a comment of up to 64 KiB.
StatusOr<size_t> FindEnd(absl::string_view archive) {
  if (archive.empty()) return MakeError(ErrorCode::kEmpty, "nothing in it, a zip archive is expected");
  if (archive.size() >= kEndBytes) {
    const size_t lowest = archive.size() - std::min<size_t>(archive.size(), kEndBytes + UINT16_MAX);
    for (size_t at = archive.size() - kEndBytes + 1; at-- > lowest;) {
      Cursor record(archive.substr(at));
      if (record.U32() != kEndSignature) continue;
      record.Bytes(16);
      if (record.U16() == archive.size() - at - kEndBytes) return at;
    }
  }
  if (absl::StartsWith(archive, "PK\x03\x04")) return Damaged("its directory is missing; cut short?");
  return MakeError(ErrorCode::kParse, "not a zip archive: no end record");
}

// Fills in what the 64-bit end record says, where there is one.
Status ReadEnd64(absl::string_view archive, size_t end, Directory* directory) {
  if (end < kLocator64Bytes) return absl::OkStatus();
  Cursor locator(archive.substr(end - kLocator64Bytes));
  if (locator.U32() != kLocator64Signature) return absl::OkStatus();
  locator.U32();
  const uint64_t offset = locator.U64();
  if (offset >= archive.size()) return Damaged("the 64-bit end record lies outside");
  Cursor record(archive.substr(offset));
  if (record.U32() != kEnd64Signature) return Damaged("no 64-bit end record where one is announced");
  record.Bytes(8 + 2 + 2 + 4 + 4 + 8);
  directory->entries = record.U64();
  directory->bytes = record.U64();
  directory->offset = record.U64();
  return record.ok() ? absl::OkStatus() : Damaged("the 64-bit end record is cut short");
}

StatusOr<Directory> FindDirectory(absl::string_view archive) {
  MOULIN_ASSIGN_OR_RETURN(const size_t end, FindEnd(archive));
  Cursor record(archive.substr(end));
  record.U32();
  const uint16_t disk = record.U16();
  const uint16_t first_disk = record.U16();
  record.U16();
  Directory directory;
  directory.entries = record.U16();
  directory.bytes = record.U32();
  directory.offset = record.U32();
  if (disk != first_disk || (disk != 0 && disk != UINT16_MAX)) {
    return MakeError(ErrorCode::kUnsupported, "a zip archive over several disks");
  }
  MOULIN_RETURN_IF_ERROR(ReadEnd64(archive, end, &directory));
  if (directory.offset > end || directory.bytes > end - directory.offset) {
    return Damaged("its directory lies outside the file");
  }
  return directory;
}

// What an entry of the directory says.
struct DirectoryEntry {
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t packed_size = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
  std::string name;
};

// Numbers that did not fit 32 bits are in the extra field of type 1, in this order, as many as were left out.
void ReadExtra64(absl::string_view extra, DirectoryEntry* entry) {
  Cursor fields(extra);
  while (!fields.empty() && fields.ok()) {
    const uint16_t type = fields.U16();
    Cursor field(fields.Bytes(fields.U16()));
    if (type != 1) continue;
    if (entry->size == UINT32_MAX) entry->size = field.U64();
    if (entry->packed_size == UINT32_MAX) entry->packed_size = field.U64();
    if (entry->offset == UINT32_MAX) entry->offset = field.U64();
  }
}

StatusOr<DirectoryEntry> ReadDirectoryEntry(Cursor* cursor) {
  DirectoryEntry entry;
  if (cursor->U32() != kEntrySignature) return Damaged("its directory has fewer entries than announced");
  cursor->Bytes(4);
  entry.flags = cursor->U16();
  entry.method = cursor->U16();
  cursor->Bytes(4);
  entry.crc32 = cursor->U32();
  entry.packed_size = cursor->U32();
  entry.size = cursor->U32();
  const uint16_t name_bytes = cursor->U16();
  const uint16_t extra_bytes = cursor->U16();
  const uint16_t comment_bytes = cursor->U16();
  cursor->Bytes(8);
  entry.offset = cursor->U32();
  entry.name = std::string(cursor->Bytes(name_bytes));
  ReadExtra64(cursor->Bytes(extra_bytes), &entry);
  cursor->Bytes(comment_bytes);
  if (!cursor->ok()) return Damaged("its directory is cut short");
  return entry;
}

Status CheckSupported(const DirectoryEntry& entry) {
  if (entry.flags & 1) return MakeError(ErrorCode::kUnsupported, "an encrypted entry");
  if (entry.method != 0 && entry.method != Z_DEFLATED) {
    return MakeError(ErrorCode::kUnsupported, "zip method ", entry.method, ", stored (0) and deflated (8) are known");
  }
  if (entry.method == 0 && entry.size != entry.packed_size) return Damaged("a stored entry of two sizes");
  if (entry.size > INT64_MAX || (entry.size > kFreeBytes && entry.size / kMaxRatio > entry.packed_size)) {
    return MakeError(ErrorCode::kLimit, "unpacks ", entry.packed_size, " bytes to ", entry.size, ", more than ",
                     kMaxRatio, " times");
  }
  return absl::OkStatus();
}

// Finds the packed bytes behind the entry's local header, which must be of the same name and lie before the directory.
StatusOr<absl::string_view> FindPacked(absl::string_view before_directory, const DirectoryEntry& entry) {
  if (entry.offset > before_directory.size()) return Damaged("an entry lies outside");
  Cursor header(before_directory.substr(entry.offset));
  if (header.U32() != kLocalSignature) return Damaged("no entry where one is announced");
  header.Bytes(22);
  const uint16_t name_bytes = header.U16();
  const uint16_t extra_bytes = header.U16();
  if (header.Bytes(name_bytes) != entry.name) return Damaged("an entry goes by two names");
  header.Bytes(extra_bytes);
  const absl::string_view packed = header.Bytes(entry.packed_size);
  if (!header.ok()) return Damaged("an entry is cut short");
  return packed;
}

StatusOr<ZipEntry> ReadEntry(absl::string_view before_directory, Cursor* cursor) {
  MOULIN_ASSIGN_OR_RETURN(const DirectoryEntry listed, ReadDirectoryEntry(cursor));
  const auto at_entry = [&](const Status& status) {
    return Status(status.code(), absl::StrCat(status.message(), ", entry \"", Printable(listed.name), "\""));
  };
  const Status supported = CheckSupported(listed);
  if (!supported.ok()) return at_entry(supported);
  const StatusOr<absl::string_view> packed = FindPacked(before_directory, listed);
  if (!packed.ok()) return at_entry(packed.status());
  return ZipEntry{listed.name, listed.method == Z_DEFLATED, listed.crc32, static_cast<int64_t>(listed.size), *packed};
}

// Entries that share bytes let a small file unpack to any size.
Status CheckApart(const std::vector<ZipEntry>& entries) {
  std::vector<absl::string_view> parts;
  absl::flat_hash_set<absl::string_view> names;
  for (const ZipEntry& entry : entries) {
    if (!entry.packed.empty()) parts.push_back(entry.packed);
    if (!names.insert(entry.name).second) {
      return MakeError(ErrorCode::kDuplicate, "two entries \"", Printable(entry.name), "\" in a zip archive");
    }
  }
  std::sort(parts.begin(), parts.end(), [](auto a, auto b) { return a.data() < b.data(); });
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i - 1].data() + parts[i - 1].size() > parts[i].data()) return Damaged("two entries share bytes");
  }
  return absl::OkStatus();
}

// zlib counts in 32 bits.
uint32_t Crc32(absl::string_view bytes) {
  uLong crc = ::crc32(0, nullptr, 0);
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, 1 << 30);
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    bytes.remove_prefix(piece.size());
  }
  return static_cast<uint32_t>(crc);
}

// Unpacks raw deflate data that must give exactly `size` bytes. The result grows with what is really there, so that an
// announced size alone takes no memory.
StatusOr<std::string> Inflate(absl::string_view packed, int64_t size) {
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return MakeError(ErrorCode::kMemory, "cannot start zlib");
  std::string out;
  std::string piece(std::min<int64_t>(size + 1, 1 << 20), '\0');
  int state = Z_OK;
  while (state == Z_OK && static_cast<int64_t>(out.size()) <= size) {
    if (stream.avail_in == 0) {
      const absl::string_view next = packed.substr(0, 1 << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(next.data()));
      stream.avail_in = static_cast<uInt>(next.size());
      packed.remove_prefix(next.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (state == Z_STREAM_END && static_cast<int64_t>(out.size()) == size) return out;
  if (state == Z_STREAM_END || state == Z_OK) {
    return Damaged(absl::StrCat("unpacks to ", out.size(), " bytes, ", size, " are announced"));
  }
  return Damaged("malformed deflate data");
}

}  // namespace

StatusOr<std::vector<ZipEntry>> ListZip(absl::string_view archive, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const Directory directory, FindDirectory(archive));
  if (directory.entries > static_cast<uint64_t>(limits.bundle_entries)) {
    return MakeError(ErrorCode::kLimit, directory.entries, " entries in a zip archive, the limit is ",
                     limits.bundle_entries);
  }
  std::vector<ZipEntry> entries;
  Cursor cursor(archive.substr(directory.offset, directory.bytes));
  for (uint64_t i = 0; i < directory.entries; ++i) {
    MOULIN_ASSIGN_OR_RETURN(ZipEntry entry, ReadEntry(archive.substr(0, directory.offset), &cursor));
    entries.push_back(std::move(entry));
  }
  if (!cursor.empty()) return Damaged("its directory has more entries than announced");
  MOULIN_RETURN_IF_ERROR(CheckApart(entries));
  return entries;
}

StatusOr<absl::string_view> UnpackEntry(const ZipEntry& entry, std::string* buffer) {
  absl::string_view bytes = entry.packed;
  if (entry.is_deflated) {
    MOULIN_ASSIGN_OR_RETURN(*buffer, Inflate(entry.packed, entry.size));
    bytes = *buffer;
  }
  if (Crc32(bytes) != entry.crc32) return Damaged("checksum (CRC-32) differs");
  return bytes;
}

}  // namespace moulin
