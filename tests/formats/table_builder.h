// Writes sorted tables (formats/sorted_table.h), good and bad ones.
#ifndef MOULIN_TESTS_FORMATS_TABLE_BUILDER_H_
#define MOULIN_TESTS_FORMATS_TABLE_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/crc32c.h"

namespace moulin {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string Fixed32(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

class TableBuilder {
 public:
  using Entries = std::vector<std::pair<std::string, std::string>>;

  // An entry of a block: `shared` bytes of the key before, then the rest.
  static std::string Entry(uint64_t shared, const std::string& rest, const std::string& value) {
    return Varint(shared) + Varint(rest.size()) + Varint(value.size()) + rest + value;
  }
  // The end of a block with one restart point.
  static std::string End() { return Fixed32(0) + Fixed32(1); }
  static std::string Block(const Entries& entries) {
    std::string block;
    for (const auto& [key, value] : entries) block += Entry(0, key, value);
    return block + End();
  }
  // A block in Snappy's format, as literals.
  static std::string Snappy(const std::string& content) {
    std::string bytes = Varint(content.size());
    for (size_t at = 0; at < content.size(); at += 60) {
      const std::string piece = content.substr(at, 60);
      bytes.push_back(static_cast<char>((piece.size() - 1) << 2));
      bytes += piece;
    }
    return bytes;
  }

  // Appends a block with its trailer and returns its place, as an index has it.
  std::string Add(const std::string& content, char compression = 0) {
    const std::string place = Varint(file_.size()) + Varint(content.size());
    const std::string body = content + compression;
    file_ += body + Fixed32(MaskCrc32c(Crc32c(body)));
    return place;
  }
  void AddData(const std::string& content, char compression = 0) {
    index_.emplace_back("key" + std::to_string(index_.size()), Add(content, compression));
  }
  void AddPlace(const std::string& place) { index_.emplace_back("key" + std::to_string(index_.size()), place); }

  std::string Finish() {
    const std::string metadata = Add(End());
    return FinishWith(metadata + Add(Block(index_)));
  }
  // With a footer of one's own.
  std::string FinishWith(std::string footer) {
    footer.resize(40);
    return file_ + footer + std::string("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
  }

  // A table of one block.
  static std::string Table(const Entries& entries) {
    TableBuilder builder;
    builder.AddData(Block(entries));
    return builder.Finish();
  }

 private:
  std::string file_;
  Entries index_;
};

}  // namespace moulin

#endif  // MOULIN_TESTS_FORMATS_TABLE_BUILDER_H_
