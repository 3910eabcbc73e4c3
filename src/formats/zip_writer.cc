// Writing zip archives; the layout is told in zip_reader.cc.
#include <zlib.h>

#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/zip.h"

namespace moulin {
namespace {

constexpr uint16_t kZipVersion = 20;
constexpr uint16_t kZip64Version = 45;
constexpr uint16_t kUtf8Names = 1 << 11;
constexpr uint16_t kMidnight = 0;
constexpr uint16_t kFirstDay = (1 << 5) | 1;  // 1980-01-01, the earliest day there is

class Record {
 public:
  Record& U16(uint64_t value) { return Number(value, 2); }
  Record& U32(uint64_t value) { return Number(value, 4); }
  Record& U64(uint64_t value) { return Number(value, 8); }
  Record& Bytes(absl::string_view bytes) {
    bytes_.append(bytes.data(), bytes.size());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& Number(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string bytes_;
};

uint64_t Clipped(uint64_t value) { return value >= UINT32_MAX ? UINT32_MAX : value; }

uint32_t Crc32(uint32_t crc, absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, 1 << 30);
    crc = static_cast<uint32_t>(
        ::crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size())));
    bytes.remove_prefix(piece.size());
  }
  return crc;
}

Status DeflatePiece(absl::string_view bytes, int flush, z_stream* stream, std::string* out) {
  std::string piece(1 << 16, '\0');
  do {
    const absl::string_view next = bytes.substr(0, 1 << 30);
    bytes.remove_prefix(next.size());
    stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(next.data()));
    stream->avail_in = static_cast<uInt>(next.size());
    do {
      stream->next_out = reinterpret_cast<Bytef*>(piece.data());
      stream->avail_out = static_cast<uInt>(piece.size());
      if (::deflate(stream, bytes.empty() ? flush : Z_NO_FLUSH) == Z_STREAM_ERROR) {
        return MakeError(ErrorCode::kInternal, "zlib fails to deflate");
      }
      out->append(piece.data(), piece.size() - stream->avail_out);
    } while (stream->avail_out == 0);
  } while (!bytes.empty());
  return absl::OkStatus();
}

StatusOr<std::string> Deflate(absl::string_view head, absl::string_view body) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return MakeError(ErrorCode::kMemory, "cannot start zlib");
  }
  std::string out;
  Status status = DeflatePiece(head, Z_NO_FLUSH, &stream, &out);
  if (status.ok()) status = DeflatePiece(body, Z_FINISH, &stream, &out);
  ::deflateEnd(&stream);
  if (!status.ok()) return status;
  return out;
}

}  // namespace

Status ZipWriter::Put(absl::string_view bytes) {
  at_ += bytes.size();
  return sink_(bytes);
}

Status ZipWriter::Add(const std::string& name, absl::string_view head, absl::string_view body, bool deflate) {
  if (name.empty() || name.size() > UINT16_MAX) {
    return MakeError(ErrorCode::kName, "an entry's name has ", name.size(), " bytes, 1 to ", UINT16_MAX,
                     " are expected");
  }
  std::string packed;
  if (deflate) {
    MOULIN_ASSIGN_OR_RETURN(packed, Deflate(head, body));
  }
  const uint64_t size = head.size() + body.size();
  const Written entry{name, deflate, Crc32(Crc32(0, head), body), size, deflate ? packed.size() : size, at_};
  const bool is_long = entry.size >= UINT32_MAX || entry.packed_size >= UINT32_MAX;
  Record header;
  header.U32(0x04034b50).U16(is_long ? kZip64Version : kZipVersion).U16(kUtf8Names).U16(deflate ? Z_DEFLATED : 0);
  header.U16(kMidnight).U16(kFirstDay).U32(entry.crc32);
  header.U32(is_long ? UINT32_MAX : entry.packed_size).U32(is_long ? UINT32_MAX : entry.size);
  header.U16(name.size()).U16(is_long ? 20 : 0).Bytes(name);
  if (is_long) header.U16(1).U16(16).U64(entry.size).U64(entry.packed_size);
  MOULIN_RETURN_IF_ERROR(Put(header.bytes()));
  entries_.push_back(entry);
  if (deflate) return Put(packed);
  MOULIN_RETURN_IF_ERROR(Put(head));
  return Put(body);
}

Status ZipWriter::Finish() {
  const uint64_t start = at_;
  for (const Written& entry : entries_) {
    Record extra;
    if (entry.size >= UINT32_MAX) extra.U64(entry.size);
    if (entry.packed_size >= UINT32_MAX) extra.U64(entry.packed_size);
    if (entry.offset >= UINT32_MAX) extra.U64(entry.offset);
    const size_t extra_bytes = extra.bytes().empty() ? 0 : extra.bytes().size() + 4;
    const uint16_t version = extra_bytes > 0 ? kZip64Version : kZipVersion;
    Record record;
    record.U32(0x02014b50).U16(version).U16(version).U16(kUtf8Names).U16(entry.is_deflated ? Z_DEFLATED : 0);
    record.U16(kMidnight).U16(kFirstDay).U32(entry.crc32).U32(Clipped(entry.packed_size)).U32(Clipped(entry.size));
    record.U16(entry.name.size()).U16(extra_bytes).U16(0).U16(0).U16(0).U32(0).U32(Clipped(entry.offset));
    record.Bytes(entry.name);
    if (extra_bytes > 0) record.U16(1).U16(extra.bytes().size()).Bytes(extra.bytes());
    MOULIN_RETURN_IF_ERROR(Put(record.bytes()));
  }
  const uint64_t end = at_;
  const uint64_t count = entries_.size();
  Record tail;
  if (count >= UINT16_MAX || start >= UINT32_MAX || end - start >= UINT32_MAX) {
    tail.U32(0x06064b50).U64(44).U16(kZip64Version).U16(kZip64Version).U32(0).U32(0).U64(count).U64(count);
    tail.U64(end - start).U64(start);
    tail.U32(0x07064b50).U32(0).U64(end).U32(1);
  }
  const uint64_t short_count = count >= UINT16_MAX ? UINT16_MAX : count;
  tail.U32(0x06054b50).U16(0).U16(0).U16(short_count).U16(short_count);
  tail.U32(Clipped(end - start)).U32(Clipped(start)).U16(0);
  return Put(tail.bytes());
}

}  // namespace moulin
