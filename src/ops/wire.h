// Reading protocol buffers' wire format field by field, without a schema: for messages inside tensors, which come from
// outside. Nothing is allocated that the bytes do not hold.
#ifndef MOULIN_OPS_WIRE_H_
#define MOULIN_OPS_WIRE_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"

namespace moulin {

// Walks the fields of one message:  WireReader r(bytes); while (r.Next()) ... ; if (!r.ok()) error.
class WireReader {
 public:
  enum Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  // The next field; false at the end and where the bytes are malformed (then ok() is false).
  bool Next();
  bool ok() const { return ok_; }

  int field() const { return field_; }
  Type type() const { return type_; }
  uint64_t number() const { return number_; }         // of the numeric types
  absl::string_view bytes() const { return bytes_; }  // of kBytes

  // Appends the numbers of a repeated field, packed or not. False where they are malformed or of another type.
  bool AppendVarints(std::vector<int64_t>* values) const;
  // Calls f(uint32_t) or f(uint64_t) with the bits of each.
  template <typename Bits, typename F>
  bool ForEachFixed(F f) const {
    constexpr Type kType = sizeof(Bits) == 4 ? kFixed32 : kFixed64;
    if (type_ == kType) {
      f(static_cast<Bits>(number_));
      return true;
    }
    if (type_ != kBytes || bytes_.size() % sizeof(Bits) != 0) return false;
    for (size_t i = 0; i < bytes_.size(); i += sizeof(Bits)) {
      Bits bits;
      std::memcpy(&bits, bytes_.data() + i, sizeof(Bits));
      f(bits);
    }
    return true;
  }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }

  absl::string_view rest_;
  bool ok_ = true;
  int field_ = 0;
  Type type_ = kVarint;
  uint64_t number_ = 0;
  absl::string_view bytes_;
};

}  // namespace moulin

#endif  // MOULIN_OPS_WIRE_H_
