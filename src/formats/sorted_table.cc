// The file: data blocks, a block of metadata (skipped), an index block whose values are the places of the data blocks,
// and a footer with the places of the last two. A block is followed by its compression and its checksum.
#include "formats/sorted_table.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/crc32c.h"
#include "formats/snappy.h"
#include "formats/varint.h"

namespace moulin {
namespace {

constexpr size_t kFooterBytes = 48;
constexpr size_t kTrailerBytes = 5;  // compression, checksum
constexpr absl::string_view kMagic("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
// An object's key is made of the names of all objects on the way to it.
constexpr int64_t kMaxKeyNames = 16;
// Writers spell every 16th key out, so keys cannot come to more than 16 times the file.
constexpr int64_t kMaxKeyRatio = 16;
constexpr int64_t kKeyBytesOfAnyFile = 65'536;

enum Compression : char { kNone = 0, kSnappy = 1 };

struct BlockPlace {
  uint64_t offset = 0;
  uint64_t size = 0;
};

Status MalformedTable(const char* what) { return MakeError(ErrorCode::kParse, "the table: ", what); }

bool TakePlace(absl::string_view* bytes, BlockPlace* place) {
  return TakeVarint(bytes, &place->offset) && TakeVarint(bytes, &place->size);
}

// A block's content, in the file or, where it was compressed, in `*storage`.
StatusOr<absl::string_view> ReadBlock(absl::string_view file, BlockPlace place, std::string* storage) {
  const uint64_t end = file.size() - kFooterBytes;
  if (place.offset > end || place.size > end - place.offset || end - place.offset - place.size < kTrailerBytes) {
    return MakeError(ErrorCode::kData, "the table: a block at ", place.offset, " of ", place.size,
                     " bytes, beyond the file's ", file.size());
  }
  const absl::string_view content = file.substr(place.offset, place.size);
  const char* trailer = content.data() + content.size();
  const uint32_t found = MaskCrc32c(ExtendCrc32c(0, content.data(), content.size() + 1));
  if (found != LittleEndian32(trailer + 1)) {
    return MakeError(ErrorCode::kData, "the table: the block at ", place.offset, " fails its checksum");
  }
  if (*trailer == kNone) return content;
  if (*trailer != kSnappy) return MalformedTable("a block of unknown compression");
  MOULIN_ASSIGN_OR_RETURN(*storage, Unsnappy(content));
  return absl::string_view(*storage);
}

using Visit = std::function<Status(absl::string_view key, absl::string_view value)>;

// Entries in turn: bytes shared with the key before, more bytes of the key, bytes of the value. They end where the list
// of restart points begins, which only searching needs.
Status ReadEntries(absl::string_view block, const Limits& limits, const Visit& visit) {
  if (block.size() < 4) return MalformedTable("a block without an end");
  const uint64_t restarts = LittleEndian32(block.data() + block.size() - 4);
  if (restarts > (block.size() - 4) / 4) return MalformedTable("a block with more restart points than bytes");
  block.remove_suffix(4 + 4 * restarts);
  std::string key;
  while (!block.empty()) {
    uint64_t shared, more, value_bytes;
    if (!TakeVarint(&block, &shared) || !TakeVarint(&block, &more) || !TakeVarint(&block, &value_bytes)) {
      return MalformedTable("an entry is cut short");
    }
    if (shared > key.size()) return MalformedTable("a key that shares more than the key before has");
    if (more > block.size() || value_bytes > block.size() - more) return MalformedTable("an entry is cut short");
    if (shared + more > kMaxKeyNames * static_cast<uint64_t>(limits.name_bytes)) {
      return MakeError(ErrorCode::kLimit, "the table: a key of ", shared + more, " bytes, at most ",
                       kMaxKeyNames * limits.name_bytes, " are allowed");
    }
    key.resize(shared);
    key.append(block.data(), more);
    MOULIN_RETURN_IF_ERROR(visit(key, block.substr(more, value_bytes)));
    block.remove_prefix(more + value_bytes);
  }
  return absl::OkStatus();
}

// Watches over the keys of the whole table.
class KeyOrder {
 public:
  KeyOrder(const Limits& limits, size_t file_bytes)
      : max_count_(limits.nodes), max_bytes_(kKeyBytesOfAnyFile + kMaxKeyRatio * static_cast<int64_t>(file_bytes)) {}

  Status Add(absl::string_view key) {
    if (count_ > 0 && key == last_) {
      return MakeError(ErrorCode::kDuplicate, "the table: the key \"", Printable(key), "\" comes twice");
    }
    if (count_ > 0 && key < absl::string_view(last_)) {
      return MakeError(ErrorCode::kParse, "the table: the key \"", Printable(key), "\" comes after \"",
                       Printable(last_), "\"");
    }
    bytes_ += static_cast<int64_t>(key.size());
    if (++count_ > max_count_ || bytes_ > max_bytes_) {
      return MakeError(ErrorCode::kLimit, "the table: more than ", max_count_, " keys, or ", max_bytes_,
                       " bytes of keys");
    }
    last_.assign(key.data(), key.size());
    return absl::OkStatus();
  }

 private:
  const int64_t max_count_;
  const int64_t max_bytes_;
  std::string last_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
};

StatusOr<std::vector<BlockPlace>> ReadIndex(absl::string_view file, const Limits& limits) {
  absl::string_view footer = file.substr(file.size() - kFooterBytes);
  BlockPlace metadata, index;
  if (!TakePlace(&footer, &metadata) || !TakePlace(&footer, &index)) return MalformedTable("a malformed footer");
  std::string storage;
  MOULIN_ASSIGN_OR_RETURN(const absl::string_view block, ReadBlock(file, index, &storage));
  std::vector<BlockPlace> places;
  MOULIN_RETURN_IF_ERROR(ReadEntries(block, limits, [&](absl::string_view, absl::string_view value) {
    BlockPlace place;
    if (!TakePlace(&value, &place)) return MalformedTable("a malformed place of a block");
    places.push_back(place);
    return absl::OkStatus();
  }));
  return places;
}

}  // namespace

bool LooksLikeSortedTable(absl::string_view file) {
  return file.size() >= kFooterBytes && absl::EndsWith(file, kMagic);
}

Status ReadSortedTable(absl::string_view file, const Limits& limits, const Visit& visit) {
  if (file.size() < kFooterBytes) {
    return MakeError(ErrorCode::kData, "the table: ", file.size(), " bytes, the footer alone takes ", kFooterBytes);
  }
  if (!LooksLikeSortedTable(file)) return MakeError(ErrorCode::kData, "the file does not end as a table does");
  MOULIN_ASSIGN_OR_RETURN(const std::vector<BlockPlace> places, ReadIndex(file, limits));
  KeyOrder order(limits, file.size());
  uint64_t end = 0;
  for (const BlockPlace& place : places) {
    if (place.offset < end) return MalformedTable("blocks that overlap or are out of order");
    std::string storage;
    MOULIN_ASSIGN_OR_RETURN(const absl::string_view block, ReadBlock(file, place, &storage));
    end = place.offset + place.size + kTrailerBytes;
    MOULIN_RETURN_IF_ERROR(ReadEntries(block, limits, [&](absl::string_view key, absl::string_view value) {
      MOULIN_RETURN_IF_ERROR(order.Add(key));
      return visit(key, value);
    }));
  }
  return absl::OkStatus();
}

}  // namespace moulin
