#include "ops/wire.h"

namespace moulin {
namespace {

bool TakeVarint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < bytes->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*bytes)[i]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool TakeFixed(absl::string_view* bytes, size_t size, uint64_t* value) {
  if (bytes->size() < size) return false;
  *value = 0;
  std::memcpy(value, bytes->data(), size);
  bytes->remove_prefix(size);
  return true;
}

}  // namespace

bool WireReader::Next() {
  if (rest_.empty()) return false;
  uint64_t tag = 0;
  if (!TakeVarint(&rest_, &tag) || tag >> 3 == 0 || tag >> 32 != 0) return Fail();
  field_ = static_cast<int>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  switch (type_) {
    case kVarint:
      return TakeVarint(&rest_, &number_) || Fail();
    case kFixed64:
      return TakeFixed(&rest_, 8, &number_) || Fail();
    case kFixed32:
      return TakeFixed(&rest_, 4, &number_) || Fail();
    case kBytes:
      if (!TakeVarint(&rest_, &number_) || number_ > rest_.size()) return Fail();
      bytes_ = rest_.substr(0, number_);
      rest_.remove_prefix(number_);
      return true;
    default:
      return Fail();
  }
}

bool WireReader::AppendVarints(std::vector<int64_t>* values) const {
  if (type_ == kVarint) {
    values->push_back(static_cast<int64_t>(number_));
    return true;
  }
  if (type_ != kBytes) return false;
  absl::string_view rest = bytes_;
  for (uint64_t value = 0; !rest.empty();) {
    if (!TakeVarint(&rest, &value)) return false;
    values->push_back(static_cast<int64_t>(value));
  }
  return true;
}

}  // namespace moulin
