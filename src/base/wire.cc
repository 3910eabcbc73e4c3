#include "base/wire.h"

#include <bit>
#include <cstring>

namespace moulin {

const char* TakeWireVarint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < 10; ++i) {
    if (i >= bytes->size()) return "a number is cut short";
    const auto byte = static_cast<uint8_t>((*bytes)[i]);
    *value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      return nullptr;
    }
  }
  return "a number has more than 10 bytes";
}

bool WireReader::ReadVarint(uint64_t* value) {
  absl::string_view rest = bytes_.substr(at_);
  if (const char* fault = TakeWireVarint(&rest, value); fault != nullptr) return Fail(fault);
  at_ = static_cast<int64_t>(bytes_.size() - rest.size());
  return true;
}

bool WireReader::ReadFixed(int64_t size, uint64_t* value) {
  static_assert(std::endian::native == std::endian::little);
  const int64_t start = at_;
  if (!Skip(size)) return false;
  *value = 0;
  std::memcpy(value, bytes_.data() + start, size);
  return true;
}

bool WireReader::Skip(uint64_t bytes) {
  if (bytes > bytes_.size() - at_) return Fail("a field goes beyond the end of its message");
  at_ += static_cast<int64_t>(bytes);
  return true;
}

bool WireReader::Next(WireField* field) {
  if (fault_ != nullptr || at_ == static_cast<int64_t>(bytes_.size())) return false;
  *field = WireField{.offset = at_};
  uint64_t tag;
  if (!ReadVarint(&tag)) return false;
  if (tag > UINT32_MAX || tag >> 3 == 0) return Fail("a field has an impossible number");
  field->number = static_cast<int>(tag >> 3);
  field->type = static_cast<WireType>(tag & 7);
  switch (field->type) {
    case WireType::kVarint:
      return ReadVarint(&field->value);
    case WireType::kFixed64:
      return ReadFixed(8, &field->value);
    case WireType::kFixed32:
      return ReadFixed(4, &field->value);
    case WireType::kBytes: {
      uint64_t length;
      if (!ReadVarint(&length)) return false;
      const int64_t start = at_;
      if (!Skip(length)) return false;
      field->payload = bytes_.substr(start, length);
      return true;
    }
  }
  return Fail("a field is of a kind that proto3 does not have");
}

uint32_t LittleEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace moulin
